"""The executors on clusters: what they carry, and how it comes home."""
