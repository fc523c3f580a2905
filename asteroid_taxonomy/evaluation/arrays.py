"""The arrays of this room, by what they hold; their shapes stand where they are used."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]  # probabilities, accuracies, reflectances
Strings = npt.NDArray[np.str_]  # targets, classes
Rows = npt.NDArray[np.int64]  # row numbers, fold numbers, target numbers
Booleans = npt.NDArray[np.bool_]
