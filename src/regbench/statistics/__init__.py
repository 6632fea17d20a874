"""Intervals, paired differences and verdicts that account for the noise of seeds and of test images."""
