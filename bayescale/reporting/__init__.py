"""The credible-interval report: one page of results, their uncertainty and their assumptions."""
