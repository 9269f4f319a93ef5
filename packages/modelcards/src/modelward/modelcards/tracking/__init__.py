"""MLflow: runs, registered models and signatures, asked within limits."""
