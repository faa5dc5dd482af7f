"""How well a law describes and predicts runs: comparison, backtests, residuals."""
