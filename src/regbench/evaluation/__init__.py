"""Scores of trained networks on images that they never saw."""
