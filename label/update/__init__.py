"""What changes when new labels come in."""
