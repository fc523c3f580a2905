"""What the ONNX file promises to whoever loads it; export writes it so, verify checks it.

One input, float32 [batch, bands of the grid in ascending wavelength]; one output, float32
[batch, classes]; operators of the default domain only, which every ONNX runtime has. The names of
classes and bands are in the file's metadata.
"""

from pathlib import Path

INPUT_NAME = "float_input"
OUTPUT_NAME = "probabilities"
ONNX_PATH = Path("models/asteroid_taxonomy.onnx")
CLASSES_KEY = "classes"
WAVELENGTHS_KEY = "wavelengths_nm"
USED_BANDS_KEY = "used_bands_nm"
