"""Experiment trackers: MLflow stores, W&B projects and files, event files of TensorBoard."""
