"""Runs: the cells of a matrix, what is stored of each, and the folder they are stored in."""
