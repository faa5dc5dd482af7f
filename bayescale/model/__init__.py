"""A law, a noise model, priors and runs as a PyMC model."""
