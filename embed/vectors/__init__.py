"""From rows to vectors."""
