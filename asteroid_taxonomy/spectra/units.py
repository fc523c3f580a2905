"""What a column's name says it is, and the unit of its wavelengths."""

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class NotSpectra(Exception):
    """What is wrong with a file, as the rest of a sentence that begins with its name."""


IN_NM = {"nm": 1.0, "um": 1000.0, "angstrom": 0.1, "m": 1e9}
SPELLINGS = {
    **dict.fromkeys(("nm", "nanometer", "nanometre", "nanometers", "nanometres"), "nm"),
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns", "micrometer", "micrometre",
                     "micrometers", "micrometres", "mum", "mu"), "um"),
    **dict.fromkeys(("a", "aa", "å", "ang", "angs", "angstrom", "angstroms", "ångström",
                     "0.1nm", "0.1 nm"), "angstrom"),
    **dict.fromkeys(("m", "meter", "metre"), "m"),
}
# median of a spectrum's wavelengths, for visible and near-infrared spectra: these do not overlap
USUAL = {"um": (0.3, 5.0), "nm": (300.0, 2900.0), "angstrom": (3000.0, 50000.0)}
WAVELENGTH = {"wavelength", "wavelengths", "wave", "wavelen", "lambda", "wl", "wvl", "wlen", "lam",
              "wav", "wavel", "w", "λ"}
# the usual names of the columns that name a spectrum, or the night it was observed in
IDS = {"source_id", "number", "number_mp", "name", "denomination", "designation", "object",
       "target", "asteroid", "spectrum", "id", "file", "filename", "desig", "body"}
NIGHTS = {"date", "night", "epoch", "obs", "obsdate", "observation", "jd", "mjd", "run",
          "telescope", "instrument", "session", "visit", "reference", "source"}
ERRORS = {"err", "error", "errors", "sigma", "sig", "std", "stddev", "stdev", "sd", "unc",
          "uncertainty", "e", "snr", "flag", "flags", "var", "variance", "rms", "dr", "width",
          "dev", "quality", "n", "num", "imgs", "images", "weight", "counts", "band", "order"}
# numbers about an observation, not reflectances, though they may be around 1
OTHER = {"r", "delta", "flux", "mag", "v", "g", "i", "z", "h", "airmass", "phase", "alpha",
         "albedo", "rh", "dist", "distance", "helio", "geo", "exptime", "seeing", "time", "x", "y",
         "ratio", "intensity", "counts", "dn", "adu", "star", "sun", "solar", "sky"}
EXACT = {"reflectance", "reflectancespectrum", "refl", "reflectivity", "reflec",
         "relativereflectance", "normalizedreflectance", "normalisedreflectance"}
_ERROR_OF_REFLECTANCE = re.compile("(.*(err|unc|sig|std|dev|noise).*refl|[ed]refl|"
                                   "refl.*(err|unc|sig|std|dev|noise)).*")
_UNITS = "|".join(sorted((re.escape(s) for s in SPELLINGS if s != "mu"), key=len, reverse=True))
WIDE = re.compile(rf"(?P<kind>reflectance|refl|ref|r|wavelength|wave|w|band|b|)[\s_]*"
                  rf"(?P<value>\d+(?:[.,]\d+)?)(?:[\s_\[(]*(?P<unit>{_UNITS})[\])]?)?",
                  re.IGNORECASE)


class Role(NamedTuple):
    """What a column holds: id, night, wavelength, reflectance, wide, error, other or unknown.

    unit : of the wavelengths, as the name says it ("": it does not); exact : a usual name of the
    reflectance, not merely one with "refl" in it; value : the wavelength of a wide column.
    """

    kind: str
    unit: str = ""
    exact: bool = False
    value: float = 0.0


def role(name: str) -> Role:
    """Tell from its name what a column holds."""
    lowered = name.strip().lower()
    if match := WIDE.fullmatch(name.strip()):
        return Role("wide", SPELLINGS.get((match["unit"] or "").lower(), ""),
                    match["kind"].lower() in ("reflectance", "refl", ""),
                    float(match["value"].replace(",", ".")))
    if lowered in IDS or lowered.replace(" ", "_") in IDS:
        return Role("id")
    words = re.findall(r"[a-zµμåλ]+|[\d.]+", lowered)
    if "".join(words) in {i.replace("_", "") for i in IDS}:
        return Role("id")
    if lowered in NIGHTS or words and all(w in NIGHTS or w in IDS for w in words):
        return Role("night")
    unit = ""
    stem = list(words)
    while len(stem) and stem[-1] in SPELLINGS and (len(stem) > 1 or len(stem[0]) > 1):
        unit = SPELLINGS[stem.pop()]
    if "".join(stem) in WAVELENGTH or (not stem and unit and unit != "m"):
        return Role("wavelength", unit)
    if any(w in ERRORS or _ERROR_OF_REFLECTANCE.fullmatch(w) for w in words):
        return Role("error")
    if "".join(words) in EXACT:
        return Role("reflectance", exact=True)
    if any("refl" in w or w == "ref" for w in words):
        return Role("reflectance")
    if any(w in OTHER for w in words):
        return Role("other")
    return Role("unknown")


def usual_unit(wavelengths: npt.ArrayLike) -> str | None:
    """The unit in which these would be the wavelengths of a spectrum, if they leave no doubt."""
    values = np.asarray(wavelengths, float)
    middle = float(np.median(values)) if len(values) else 0.0
    return next((u for u, (low, high) in USUAL.items() if low <= middle <= high), None)


def factor_to_nm(
    wavelengths: npt.ArrayLike, said: set[str], unit: str | None
) -> float:
    """Nanometres per unit of `wavelengths`: as asked for, as the file says, or as is usual.

    Raises
    ------
    NotSpectra
        The unit is not said and not to be guessed, or said and not that of such numbers.
    """
    if unit is not None:
        return IN_NM[unit]
    known = {SPELLINGS.get(text.strip().lower(), text) for text in said if text.strip()}
    values = np.asarray(wavelengths, float)
    middle = float(np.median(values)) if len(values) else float("nan")
    if not known and (guess := usual_unit(values)):
        return IN_NM[guess]
    if len(known) == 1 and known <= set(IN_NM):
        factor = IN_NM[known.copy().pop()]
        if not 150 <= middle * factor <= 100_000:
            raise NotSpectra(f"says that its wavelengths are in {known.pop()}, but they are "
                             f"around {middle:g}; name their unit with --unit nm, um or angstrom")
        return factor
    why = (f"says {', '.join(sorted(known))}" if known else f"has wavelengths around {middle:g}")
    raise NotSpectra(f"{why}, which leaves their unit open; name it with --unit nm, "
                     "--unit um or --unit angstrom")
