"""Where labels come from: one protocol, one file per source, and the written-out table of them."""
