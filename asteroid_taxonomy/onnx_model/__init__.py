"""Build, check and use the ONNX file."""
