"""The kNN graph and the interactive search."""
