"""A second look at a run: subgroups, net benefit, and near-duplicates across parts."""
