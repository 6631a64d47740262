"""Predictions for images that no run has seen, by the network of a run or of a row's seeds."""
