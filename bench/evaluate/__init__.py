"""Evaluation of stored predictions: every number that a report shows is computed here.

The command ``bench evaluate`` is not here: :mod:`bench.external` predicts other data with stored
networks.

An undefined value is NaN, never 0; reports show it as n/a. From the plain to the composed:

- ``metrics``: metrics of one model in many bootstrap resamples at once, and on the images as they
  are; ``thresholds``, ``calibration``, ``calibration_error``, ``calibration_slope``, ``curves``;
  ``operating_points``: all that is chosen on the validation part; ``measures`` names all figures.
- ``estimate``: a figure with its bootstrap distribution, and its interval; ``resamples``: the
  metrics as estimates; ``bootstrap``: resampling of patients and seeds.
- ``auc``: an AUC with its variance, means and differences; ``delong``: the AUC of one model;
  ``seeds``: the variance over seeds, pooled; ``testing``: p values and power of differences;
  ``planning``: power before anything is trained.
- ``sample``: a run's test images with their resamples; ``two_classes``, ``findings``: all figures
  of a task; ``score``: all figures of a run; ``scorer`` keeps them.
- ``comparison``: rows of a table against its reference, which ``reference`` chooses;
  ``verdict``: which row to take; ``design``, ``effects``,
  ``question_result``: effects of the settings that an experiment varies.
- ``external``: networks on data that they were not trained on; ``ensemble``: the
  mean prediction of a row's seeds; ``heatmaps``: agreement of heat maps with boxes.
- ``figures``: means over the seeds of a row; ``load``, ``collect``, ``results``: everything of a
  report as typed rows, with help from ``settings``, ``labels``, ``merge``, ``misclassified`` and
  ``published``; ``frames``: the same as data frames.
"""
