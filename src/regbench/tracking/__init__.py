"""Logs finished stages to MLflow. No other package imports mlflow."""
