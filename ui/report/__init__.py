"""The report of a store: one page to show to others, and its figures as JSON beside it."""
