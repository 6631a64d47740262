"""Evaluation of stored predictions: every number that a report shows is computed here.

An undefined value is NaN, never 0; reports show it as n/a. From the plain to the composed:

- ``metrics``: metrics of one model in many bootstrap resamples at once, and on the images as they
  are; ``thresholds``, ``calibration``, ``curves``; ``measures`` names all figures.
- ``estimate``: a figure with its bootstrap distribution, and its interval; ``resamples``: the
  metrics as estimates; ``bootstrap``: resampling of patients and seeds; ``testing``: p values;
  ``delong``: the variance of an AUC without resampling.
- ``sample``: a run's test images with their resamples; ``two_classes``, ``findings``: all figures
  of a task; ``score``: all figures of a run; ``scorer`` keeps them.
- ``comparison``: rows of a table against its reference; ``design``, ``effects``,
  ``question_result``: effects of the settings that an experiment varies.
- ``load``, ``collect``, ``results``: everything of a report as typed rows, with help from
  ``settings``, ``labels``, ``merge``, ``misclassified`` and ``published``; ``frames``: the same as
  data frames.
"""
