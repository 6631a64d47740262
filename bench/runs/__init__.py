"""Runs: cells and their settings, typed records of what is on disk, the store, predictions.

``cells`` says what a run depends on and names its folder; ``records`` are the models of every file
beside the predictions; ``store`` writes and reads them; ``run`` is a run that was read back.
"""
