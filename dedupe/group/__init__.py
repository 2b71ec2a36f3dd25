"""From confirmed pairs to groups, and which copy stays."""
