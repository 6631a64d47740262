"""Running experiments: their cells, in this process or by workers."""
