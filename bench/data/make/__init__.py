"""Making the config of an experiment on the files that a folder holds, by looking at them."""
