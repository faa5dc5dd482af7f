"""What is asked of a fit, one question a file."""
