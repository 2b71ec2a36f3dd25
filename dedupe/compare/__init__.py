"""What the pixels of one pair say."""
