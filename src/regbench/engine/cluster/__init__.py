"""Executors on clusters: how calls get there, and how results come back."""
