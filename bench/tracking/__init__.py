"""Other tools that watch runs while they train; results come from stored predictions alone."""
