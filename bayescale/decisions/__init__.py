"""What to train: compute-optimal allocation, regret and targets."""
