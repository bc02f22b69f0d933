"""Training in pure torch: knows neither Ray nor MLflow."""
