"""Run the model in onnx's own evaluator, which is NumPy: arguments as in the other files here."""

import sys

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

model, spectra, probabilities = sys.argv[1:]
found = ReferenceEvaluator(model).run(
    None, {"float_input": np.fromfile(spectra, "<f4").reshape(-1, 16)})[0]
found.astype("<f4").tofile(probabilities)
print(onnx.__version__)
