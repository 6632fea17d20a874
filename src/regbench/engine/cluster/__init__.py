"""Execute calls on clusters, and bring the results back."""
