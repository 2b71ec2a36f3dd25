"""Small mathematics that all folders share: exact binomial bounds, and the hash that samples are drawn by."""
