"""What reviewers decided: the log, and what it comes to."""
