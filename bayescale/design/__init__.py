"""Experimental design: what the runs identify, and which runs to do next."""
