"""Who wins, how sure; the labels table; explanations."""
