"""Converts raw images to arrays: layouts, decoding, splits, the data report."""
