"""The retraining job: trains on new data, and promotes a better model or changes nothing."""
