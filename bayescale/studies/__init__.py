"""Model files: a law, priors, data and what was published about them."""
