"""The HTTP API: the verbs of the command line and of the review page for other programs."""
