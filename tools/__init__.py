"""Programs for the people who build the harness; no part of what is installed."""
