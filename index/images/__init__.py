"""Pixels: the bytes behind an address, decoding, facts of a picture."""
