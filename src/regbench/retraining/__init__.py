"""The retraining job: retrain on new data and promote the new model only if it is significantly better."""
