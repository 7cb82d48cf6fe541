"""A scorer as one ONNX model: written, and read back."""
