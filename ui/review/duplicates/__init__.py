"""Duplicate groups on the page: what they are after the reviewers' decisions, and what one can do to them."""
