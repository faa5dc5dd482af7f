"""Bayesian neural scaling laws: from a table of training runs to a decision."""
