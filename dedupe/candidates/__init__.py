"""Which pairs are worth looking at."""
