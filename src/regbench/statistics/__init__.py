"""Intervals, paired differences and verdicts that carry seed noise and image noise."""
