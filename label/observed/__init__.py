"""What people said of an item: tags, texts, counts."""
