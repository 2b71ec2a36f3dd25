"""Filters: one expression over the columns of all tables, checked before anything runs."""

from index.filters.rows import answers, matching_rows, passing

__all__ = ["answers", "matching_rows", "passing"]
