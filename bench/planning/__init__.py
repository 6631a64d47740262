"""Plans of experiments: how long their cells take, and what their comparisons can show."""
