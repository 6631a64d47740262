"""One training on several devices: a process for each, which share the steps' batches."""
