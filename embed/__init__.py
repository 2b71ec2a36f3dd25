"""From a file to a vector: listing, decoding, encoders, fine-tuning."""
