"""What duplicate groups mean to the other stages: which copies are set aside for whom, and what they say of it."""
