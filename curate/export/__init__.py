"""Writing a data set out of the store."""
