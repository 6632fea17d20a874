"""MLflow runs from the files of finished stages; nothing else imports mlflow."""
