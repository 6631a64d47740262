"""Evaluation of stored predictions: every number that a report shows is computed here.

An undefined value is NaN, never 0; reports show it as n/a. From the plain to the composed:

- ``binary``, ``findings``, ``curves``, ``calibration``, ``operating``: metrics on one set of
  images; ``measures`` names them.
- ``estimate``: a value with its values in resamples of patients and seeds, and its interval;
  ``bootstrap`` draws the resamples, ``ranking`` and ``resampled`` compute metrics in many of them
  at once, ``testing`` has p values, ``delong`` the variance of an AUC without resampling.
- ``score`` computes all metrics of a run (``run_scores``) from its predictions; ``scorer`` keeps
  them.
- ``comparison`` compares the rows of a table with its reference; ``effects`` answers the question
  of an experiment that varies a setting (``design``: which runs belong to it).
"""
