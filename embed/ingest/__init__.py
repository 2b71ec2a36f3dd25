"""From a listing to rows: reading, digests, commits."""
