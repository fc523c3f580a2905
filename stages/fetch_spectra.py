"""Fetch the asteroid reflectance spectra of a Gaia release.

Reads   the table fetch_spectra.table over TAP (one row per asteroid and wavelength)
Writes  data/raw/spectra.parquet
Source  Galluccio et al. 2022, A&A 674, A35
"""

from asteroid_taxonomy.archives.acquire import Source, acquire
from asteroid_taxonomy.archives.connection import Archive
from asteroid_taxonomy.console import run
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.raw_tables import SPECTRA, SPECTRA_PATH, check_spectra
from asteroid_taxonomy.simulated import survey as simulated_survey

PARAMS = ("survey", "tap", "bands", "fetch_spectra")


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    spec, wavelengths_nm = params["fetch_spectra"], params["bands"]["wavelengths_nm"]
    acquire(
        SPECTRA,
        Source(Archive("the Gaia archive", spec["archive"], "GAIA_TAP_URL"), spec["release"],
               published_table=spec["table"], table=spec["table"]),
        params,
        draw=lambda: simulated_survey.spectra(wavelengths_nm),
        path=SPECTRA_PATH,
        check=lambda rows: check_spectra(rows, wavelengths_nm, spec["reflectance_bounds"]),
    )


if __name__ == "__main__":
    run(main, __doc__)
