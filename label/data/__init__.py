"""From the store to arrays: the items with what is observed of them, and the task that each attribute is."""
