"""Fields of records by meaning: names, sites, values, and the reader that turns a record into an annotation."""
