"""Scores trained networks on test images."""
