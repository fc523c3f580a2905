"""The ONNX file: how it is built, what it promises, whether it keeps it, how it is used."""
