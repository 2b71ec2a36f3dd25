"""Which items show the same picture, what kind of copy each is, and which one stays."""
