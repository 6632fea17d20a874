"""Trains what is missing: specs, tasks, the store of finished runs, executors."""
