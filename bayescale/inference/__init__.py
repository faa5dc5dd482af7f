"""Sampling the posterior, judging it, and saving it."""
