"""A few spectra on the bands of the classifier, and what is to be said of each."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

REMARKS = ("rows without a wavelength were left out",
           "values at one wavelength were averaged",
           "one of several spectra under this name",
           "two values at most wavelengths: several spectra under one name")
NO_WAVELENGTH, AVERAGED, ONE_OF_SEVERAL, SEVERAL = (1 << i for i in range(len(REMARKS)))


class Batch(NamedTuple):
    """A few spectra.

    ids : columns that name them, [n], or none; bands : reflectance, float [n, bands], NaN where
    not covered or not measured; touched : bool [n, bands], a mark for "not measured" lies in the
    band; remarks : uint8 [n], bits of REMARKS; remark : what is to be said of all of them.
    """

    ids: pa.Table
    bands: npt.NDArray[np.floating]
    touched: npt.NDArray[np.bool_]
    remarks: npt.NDArray[np.uint8]
    remark: str | None = None
