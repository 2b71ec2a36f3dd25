"""Names of characters for the review page: whom nobody has named, and which names look wrong."""
