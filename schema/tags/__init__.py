"""Tags: parsing, aliases, implications."""
