"""From the raw spectra, one row per asteroid and wavelength, to one row per asteroid."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from asteroid_taxonomy.asteroids import (
    error_columns,
    flag_columns,
    reflectance_columns,
)
from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.raw_tables import SPECTRA_PATH
from asteroid_taxonomy.signal_to_noise import signal_to_noise

# pandas would turn integers with nulls into floats
NULLABLE = {pa.int64(): pd.Int64Dtype()}.get


def one_row_per_asteroid(spectra: pa.Table, wavelengths_nm: Sequence[int]) -> pd.DataFrame:
    """Turn the long table (one row per asteroid and wavelength) into a wide one.

    Parameters
    ----------
    spectra : pyarrow.Table
        Columns of raw_tables.SPECTRA, sorted by source_id and wavelength.
    wavelengths_nm : sequence of int
        The grid, in nm, ascending.

    Returns
    -------
    pandas.DataFrame
        source_id, number, name, num_of_spectra, snr, complete, and the bands' columns.

    Raises
    ------
    PipelineError
        The rows are not that grid once per asteroid.
    """
    n = len(wavelengths_nm)
    found = spectra["wavelength"].to_numpy()
    if len(found) % n or not (found.reshape(-1, n) == np.asarray(wavelengths_nm)).all():
        raise PipelineError(
            f"{SPECTRA_PATH} should hold the {n} wavelengths {wavelengths_nm[0]} ... "
            f"{wavelengths_nm[-1]} nm of bands.wavelengths_nm once per asteroid and does not; "
            "run `dvc repro` to fetch it anew"
        )
    reflectance, error, flag = (spectra[name].to_numpy().reshape(-1, n)
                                for name in ("reflectance", "error", "flag"))
    first = spectra.select(["source_id", "number", "name", "num_of_spectra"]).take(
        np.arange(0, len(found), n)).to_pandas(types_mapper=NULLABLE)
    return pd.concat([
        first.assign(snr=signal_to_noise(reflectance, error),
                     complete=~np.isnan(reflectance).any(axis=1)),
        pd.DataFrame(reflectance, columns=reflectance_columns(wavelengths_nm)),
        pd.DataFrame(error, columns=error_columns(wavelengths_nm)),
        pd.DataFrame(flag, columns=flag_columns(wavelengths_nm)),
    ], axis=1)
