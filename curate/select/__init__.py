"""Which of the items that pass the gates are in the data set: ranked, within budgets, split without leaks."""
