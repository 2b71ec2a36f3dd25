"""Which pair is measured next, and what was measured before."""
