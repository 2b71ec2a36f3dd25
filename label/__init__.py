"""From tags, texts, reviews and similar pictures to labels whose confidence means what it says, or to no label."""
