"""Stored rows: tables, lock, format, filters, runs."""

from index.store.store import Store

__all__ = ["Store"]
