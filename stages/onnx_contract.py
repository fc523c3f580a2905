"""What the ONNX file promises to whoever loads it; export writes it so, verify checks it.

One input, float32 [batch, bands of the grid in ascending wavelength]; one output, float32
[batch, classes]; operators of the default domain only, which every ONNX runtime has, unless the
model is one of ML_MODELS. In the file's metadata: the names of classes and bands, and the
probability of the likeliest class below which a caller who wants the accuracy that params.yaml
names (crossvalidate.abstention_accuracy) should rather not name a class.
"""

from pathlib import Path

INPUT_NAME = "float_input"
OUTPUT_NAME = "probabilities"
ONNX_PATH = Path("models/asteroid_taxonomy.onnx")
CLASSES_KEY = "classes"
WAVELENGTHS_KEY = "wavelengths_nm"
USED_BANDS_KEY = "used_bands_nm"
THRESHOLD_KEY = "abstention_threshold"
ML_DOMAIN, ML_OPSET = "ai.onnx.ml", 3
ML_MODELS = ("logistic_regression", "random_forest", "extra_trees", "svc", "blend")
