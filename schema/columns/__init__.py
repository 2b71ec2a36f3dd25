"""Columns of tables that have a file of their own; schema/tables.py has them all."""
