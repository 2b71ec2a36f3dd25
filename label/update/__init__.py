"""What changes when new labels come in: which items are labelled again, by which models, and what would come of it."""
