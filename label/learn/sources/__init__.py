"""What scores an attribute: votes of neighbours, probe, zero-shot prompts."""
