"""Filters: one expression over the columns of all tables, checked before anything runs."""

from index.filters.rows import matching_rows, passing

__all__ = ["matching_rows", "passing"]
