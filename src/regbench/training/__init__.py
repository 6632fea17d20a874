"""One training and all runs of a variant."""
