"""What a cluster's executors cost, and what 100,000 runs do to the head, to the store and to MLflow."""
