"""Run the model in OpenCV's dnn: model.onnx spectra.raw probabilities.raw; prints the version."""

import sys

import cv2
import numpy as np

model, spectra, probabilities = sys.argv[1:]
net = cv2.dnn.readNetFromONNX(model)
net.setInput(np.fromfile(spectra, "<f4").reshape(-1, 16))
net.forward().astype("<f4").tofile(probabilities)
print(cv2.__version__)
