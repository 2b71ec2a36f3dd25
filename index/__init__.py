"""Everything that touches stored rows: the store, neighbours, search, walking a table, export."""
