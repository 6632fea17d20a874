"""Intervals, paired differences and verdicts that account for the variance of seeds and of test sampling."""
