"""What a store shares with another store or a folder: a held-out test set, an earlier release."""
