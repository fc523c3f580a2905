"""Run the model in onnxruntime: model.onnx spectra.raw probabilities.raw; prints the version."""

import sys

import numpy as np
import onnxruntime

model, spectra, probabilities = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
found = session.run(None, {"float_input": np.fromfile(spectra, "<f4").reshape(-1, 16)})[0]
found.astype("<f4").tofile(probabilities)
print(onnxruntime.__version__)
