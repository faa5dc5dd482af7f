"""The laws of the literature, one file per family; none imports another."""
