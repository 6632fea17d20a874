"""The job that retrains: new data in, a better champion out, or nothing changed."""
