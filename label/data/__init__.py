"""From the store to arrays: the labelled items of each attribute."""
