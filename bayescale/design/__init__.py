"""What the runs identify, and which runs to do next."""
