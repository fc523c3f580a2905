"""A small simulated survey: the three raw tables, drawn from statistics of the real ones.

It enters where the archives do (`source: simulated` in params.yaml), so that the whole pipeline
runs with no network. benchmarks/measure_survey.py measured the statistics in
statistics.json, and says how and what it leaves out. Every asteroid is called
"simulated", and no real source has one of its source_ids.

Hard cases of real archives are drawn as well, for crossmatch to count: asteroids with number 0 or
none, a number that two sources share, numbers on which the two Gaia tables disagree, labels
without a number and labels without a spectrum.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.raw_tables import SOURCE_MAPPING, SPECTRA, with_probabilities

STATISTICS_PATH = Path(__file__).with_name("statistics.json")
SEED = 20220613  # any number would do
ASTEROIDS = 6000
LABELLED = 600
UNNUMBERED = 16  # half of them with number 0, half with none
DISAGREEING = 4
# real ids are -2^32 + 10 (n + 1,000,000) for minor planet n: these lie below all of them
FIRST_SOURCE_ID = -(2**33)
# Square roots and sums are the same on every machine, exp and log are not to the last bit.
# Rounding to what a survey would publish takes that bit away, and with it the difference.
DECIMALS = 6

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """The simulated asteroids, brightest first, and the label table."""

    wavelengths_nm: list[int]
    number: list[int | None]
    mapped_number: list[int | None]
    denomination: list[str]
    num_of_spectra: npt.NDArray[np.int64]
    reflectance: Floats
    error: Floats
    flag: npt.NDArray[np.int64]
    labels: dict[str, Any]


def spectra(wavelengths_nm: Sequence[int]) -> pa.Table:
    """The simulated reflectance spectra, with the columns of SPECTRA.

    Raises
    ------
    PipelineError
        The statistics are missing, or were measured on another grid than `wavelengths_nm`.
    """
    drawn = population()
    if list(wavelengths_nm) != drawn.wavelengths_nm:
        raise PipelineError(
            f"the simulated survey has {_grid(drawn.wavelengths_nm)}, but bands.wavelengths_nm in "
            f"params.yaml asks for {_grid(wavelengths_nm)}; restore that grid, or measure "
            "the statistics anew with `python -m benchmarks.measure_survey`"
        )
    n_bands = len(wavelengths_nm)
    which = pa.array(np.repeat(np.arange(ASTEROIDS), n_bands))
    absent = np.isnan(drawn.reflectance).ravel()
    return pa.table([
        _source_ids().take(which),
        pa.array(drawn.number, pa.int64()).take(which),
        pa.array(drawn.denomination, pa.string()).take(which),
        pa.array(drawn.num_of_spectra.astype(np.int32)).take(which),
        pa.array(np.tile(np.array(wavelengths_nm, np.float32), ASTEROIDS)),
        pa.array(drawn.reflectance.ravel().astype(np.float32), mask=absent),
        pa.array(drawn.error.ravel().astype(np.float32), mask=absent),
        pa.array(drawn.flag.ravel().astype(np.int8)),
    ], schema=SPECTRA.schema)


def source_mapping() -> pa.Table:
    """The simulated mapping of sources to minor planets, with the columns of SOURCE_MAPPING."""
    drawn = population()
    return pa.table([_source_ids(), drawn.mapped_number, drawn.denomination],
                    schema=SOURCE_MAPPING.schema)


def labels() -> pa.Table:
    """The simulated label table: number, class and the probability of each class."""
    columns = population().labels
    classes = [name.removeprefix("class_") for name in list(columns)[2:]]
    return pa.table(list(columns.values()), schema=with_probabilities(classes).schema)


@cache
def population() -> Population:
    """Draw everything at once, so that the three tables belong together."""
    stats = _statistics()
    rng = np.random.Generator(np.random.PCG64(SEED))
    names = list(stats["classes"])
    members = np.array([c["with_spectrum"] for c in stats["classes"].values()])

    labelled = np.arange(ASTEROIDS) < LABELLED
    label = np.concatenate([
        np.repeat(np.arange(len(names)), allotted(members, LABELLED)),
        rng.choice(len(names), ASTEROIDS - LABELLED, p=members / members.sum()),
    ])
    quantiles = stats["ln_snr_quantiles"]
    ln_snr = np.concatenate([
        _from_quantiles(rng, quantiles["labelled"], LABELLED),
        _from_quantiles(rng, quantiles["unlabelled"], ASTEROIDS - LABELLED),
    ])
    snr = np.round(np.exp(ln_snr), DECIMALS)
    bright_first = np.argsort(-snr, kind="stable")
    label, labelled, snr = label[bright_first], labelled[bright_first], snr[bright_first]
    class_names = [names[i] for i in label]
    reflectance, error, flag = _draw_spectra(rng, stats, class_names, snr)

    number: list[int | None] = [row + 1 for row in range(ASTEROIDS)]
    denomination = [f"simulated {n}" for n in number]
    plain = np.flatnonzero(~labelled)
    for i, row in enumerate(plain[-UNNUMBERED:].tolist()):  # the faintest
        number[row] = (0, None)[i % 2]
        denomination[row] = f"simulated unnumbered {i + 1}"
    number[plain[0]] = number[np.flatnonzero(labelled)[0]]  # two sources, one labelled number
    mapped = list(number)
    for row in rng.choice(plain[1:-UNNUMBERED], DISAGREEING, replace=False).tolist():
        mapped[row] = 10 * ASTEROIDS + row
    return Population(
        stats["wavelengths_nm"], number, mapped, denomination,
        np.rint(_from_quantiles(rng, stats["num_of_spectra_quantiles"], ASTEROIDS)).astype(int),
        reflectance, error, flag,
        _draw_labels(rng, stats, np.flatnonzero(labelled).tolist(), class_names),
    )


def allotted(members: npt.NDArray[np.int64], total: int) -> npt.NDArray[np.int64]:
    """Share out `total` in proportion to `members`, at least one to each class that has any."""
    share = members / members.sum() * total
    out = np.maximum(np.rint(share).astype(int), members > 0)
    out[np.argmax(out)] += total - out.sum()
    return out


def _draw_spectra(
    rng: np.random.Generator, stats: dict[str, Any], names: list[str], snr: Floats
) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Reflectances, errors and flags [asteroids, bands]; NaN where a band is missing."""
    grid = stats["wavelengths_nm"]
    n_bands, fixed = len(grid), grid.index(stats["normalised_at_nm"])
    free = np.arange(n_bands) != fixed
    shapes = list(stats["shapes"])
    which = np.array([shapes.index(stats["classes"][name]["shape"]) for name in names])
    factors = np.zeros((len(shapes), n_bands - 1, n_bands - 1))
    for i, shape in enumerate(stats["shapes"].values()):
        factors[i][np.tril_indices(n_bands - 1)] = stats["factors"][shape["factor"]]
    bin_of = np.searchsorted(stats["snr_edges"], snr, side="right")
    here = {name: np.array(rows)[bin_of] for name, rows in stats["per_snr_bin"].items()}

    reflectance = np.array([s["mean"] for s in stats["shapes"].values()])[which] + here["drift"]
    normal = rng.standard_normal((len(snr), n_bands - 1))
    for j in range(n_bands - 1):  # a matrix product, added up in one order whatever the machine
        reflectance[:, free] += factors[which, :, j] * normal[:, j, None]
    scatter = rng.standard_normal((len(snr), n_bands))
    error: Floats = np.exp(here["ln_err_snr"] + here["ln_err_snr_sd"] * scatter)
    # S/N is the median of reflectance / error: scaled so that it is the one drawn
    error *= (np.median(reflectance / error, axis=1) / snr)[:, None]
    reflectance += np.round(error, DECIMALS) * rng.standard_normal((len(snr), n_bands))
    reflectance[:, fixed] = 1.0

    missing = rng.random((len(snr), n_bands)) < here["missing"]
    chance = rng.random((len(snr), n_bands))
    bad = missing | (chance < here["bad"])
    suspect = ~bad & (chance < here["bad"] + here["suspect"])
    reflectance[missing] = error[missing] = np.nan
    return np.round(reflectance, DECIMALS), np.round(error, DECIMALS), 2 * bad + suspect


def _draw_labels(
    rng: np.random.Generator, stats: dict[str, Any], labelled: list[int], class_names: list[str]
) -> dict[str, Any]:
    """Columns of the label table: `labelled` asteroids, others with no spectrum or no number."""
    measured = stats["measured"]
    rows, unnumbered = (
        round(measured[key] * LABELLED / measured["labelled"])
        for key in ("label_rows", "label_rows_without_number")
    )
    counts = np.array([c["label_rows"] for c in stats["classes"].values()])
    more = rng.choice(list(stats["classes"]), rows - LABELLED, p=counts / counts.sum()).tolist()
    names = [*(class_names[row] for row in labelled), *more]
    # asteroid n stands in row n - 1; numbers from twice as many on have no spectrum
    number: list[int | None] = [
        *(row + 1 for row in labelled), *range(2 * ASTEROIDS, 2 * ASTEROIDS + len(more))
    ]
    number[rows - unnumbered:] = [None] * unnumbered

    columns = stats["probabilities"]["columns"]
    uniform, table = rng.random(rows), rng.random((rows, len(columns)))
    for i, name in enumerate(names):
        shape = stats["classes"][name]["shape"]
        model, own = stats["probabilities"][shape], columns.index(f"class_{shape[0]}")
        table[i] *= model["others"]
        of_own = np.interp(uniform[i], np.linspace(0, 1, len(model["own"])), model["own"])
        table[i] *= (1.0 - of_own) / max(sum(table[i].tolist()), 1e-9)
        table[i, own] = of_own
    return {"number": number, "class": names,
            **dict(zip(columns, np.round(table, 4).T.astype(np.float32), strict=True))}


def _from_quantiles(rng: np.random.Generator, quantiles: list[float], size: int) -> Floats:
    return np.interp(rng.random(size), np.linspace(0, 1, len(quantiles)), quantiles)


def _source_ids() -> pa.Array:
    return pa.array(FIRST_SOURCE_ID + 10 * np.arange(ASTEROIDS, dtype=np.int64))


def _grid(wavelengths_nm: Sequence[int]) -> str:
    return f"{len(wavelengths_nm)} bands from {min(wavelengths_nm)} to {max(wavelengths_nm)} nm"


def _statistics() -> dict[str, Any]:
    try:
        stats: dict[str, Any] = json.loads(STATISTICS_PATH.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        raise PipelineError(f"{STATISTICS_PATH} was expected, with the statistics that the "
                            "simulated survey is drawn from, but is missing or damaged; restore "
                            f"it with `git checkout -- {STATISTICS_PATH}`") from None
    return stats
