"""Files beside a picture that say something of it."""
