"""From tags, texts, reviews and neighbours to a label with a confidence that means what it says, or to silence."""
