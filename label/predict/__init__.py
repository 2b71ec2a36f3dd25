"""From scores to labels: the rule that decides, the labels table, noise candidates, evidence and explanations."""
