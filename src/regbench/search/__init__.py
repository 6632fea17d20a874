"""Searches a variant's strengths. Only this package imports optuna."""
