"""Which of two copies was made from the other: what is measured of a confirmed pair, never of any other."""
