"""How work is driven over rows, on one machine or on Ray."""
