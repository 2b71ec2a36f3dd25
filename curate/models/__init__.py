"""What measures run: ONNX files, with what they say of themselves, and the formats in which models answer."""
