"""The demo: a drawn collection, run from end to end."""
