"""Measure on the real raw tables what the simulated survey is drawn from.

Its result is committed, and only new real tables call for a new one.

Reads   data/raw/spectra.parquet, source_mapping.parquet, labels.parquet (of the real archives)
Writes  asteroid_taxonomy/simulated/statistics.json

Shapes are measured on complete labelled spectra with S/N >= 50: mean and covariance of each class
(feature flags stripped). The mean squared errors are taken off the covariance's diagonal, because
drawing adds noise of its own, and eigenvalues are kept above FLOOR. A class with fewer than
MIN_OWN such spectra borrows the pooled within-class covariance of its complex, one with none at
all takes its mean from its spectra of any S/N. Covariances are stored as Cholesky factors, so
that drawing needs no linear algebra, whose last digits differ between machines.

What depends on brightness is measured per bin of S/N: errors, missing bands and flags on all
spectra, and the drift (median departure from the class mean; faint asteroids look brighter at
both ends of the range) on labelled ones. Errors are taken at their word: among faint asteroids
(S/N < 30) the scatter is 0.6 to 1.8 times what they say, 1.3 and more at 990 and 1034 nm only.

Left out: class shares are those of labelled asteroids, as nobody knows the others'; shapes within
a class are Gaussian and, like num_of_spectra, do not depend on S/N; errors of bands are
independent of each other.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import atomic, read_parquet
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.raw_tables import (
    LABELS_PATH,
    SIMULATED,
    SOURCE_MAPPING,
    SOURCE_MAPPING_PATH,
    SPECTRA,
    SPECTRA_PATH,
    probability_role,
    with_probabilities,
)
from asteroid_taxonomy.signal_to_noise import signal_to_noise
from asteroid_taxonomy.simulated.survey import STATISTICS_PATH
from asteroid_taxonomy.taxonomy import complexes, strip_feature_flags

PARAMS = ("bands", "taxonomy", "fetch_labels")
COMMAND = "python -m benchmarks.measure_survey"
BRIGHT = 50.0     # S/N from which a spectrum shows the asteroid rather than the noise
MIN_OWN = 48      # spectra for a covariance of one's own: three per band
FLOOR = 1e-6      # smallest variance along any direction (reflectance squared)
SNR_EDGES = [16.0, 20.0, 24.0, 30.0, 40.0, 60.0, 100.0, 200.0, 400.0]  # 10 bins
QUANTILES = np.linspace(0.0, 1.0, 101)

Floats = npt.NDArray[np.float64]


def measure(
    spectra: pa.Table, mapping: pa.Table, labels: pa.Table, params: Mapping[str, Any]
) -> dict[str, Any]:
    """All statistics of the file, from raw tables sorted as they are stored."""
    wavelengths_nm = params["bands"]["wavelengths_nm"]
    taxonomy = params["taxonomy"]
    letters = list(params["fetch_labels"]["columns"]["probabilities"])
    reflectance, error, flag = (
        spectra.column(role).to_numpy().reshape(-1, len(wavelengths_nm))
        for role in ("reflectance", "error", "flag")
    )
    snr = signal_to_noise(reflectance, error).astype(np.float64)

    raw = labels.column("class").to_pylist()
    numbers = labels.column("number").to_pylist()
    of_number = {n: label for n, label in zip(numbers, raw, strict=True) if n is not None}
    of_source = dict(zip(mapping.column("source_id").to_pylist(),
                         mapping.column("number").to_pylist(), strict=True))
    sources = spectra.column("source_id").to_pylist()[::len(wavelengths_nm)]
    seen = np.array([of_number.get(of_source.get(s), "") for s in sources])
    labelled = seen != ""

    shape_of = {label: strip_feature_flags(label, taxonomy["feature_flags"],
                                           taxonomy["flagged_classes"]) for label in set(raw)}
    shape = np.array([shape_of.get(label, "") for label in seen])
    members = Counter(seen[labelled].tolist())
    means, factor_of, factors = shapes(
        reflectance[labelled].astype(np.float64), error[labelled].astype(np.float64),
        snr[labelled], shape[labelled], taxonomy,
        wavelengths_nm.index(params["bands"]["normalised_at_nm"]))
    residual = np.full(reflectance.shape, np.nan)
    residual[labelled] = reflectance[labelled] - np.array([means[s] for s in shape[labelled]])

    spectra_per_asteroid = spectra.column("num_of_spectra").to_numpy()[::len(wavelengths_nm)]
    return {
        "measured": {
            "command": COMMAND,
            "spectra": _survey(spectra), "labels": _survey(labels),
            "asteroids_with_spectrum": len(snr), "labelled": int(labelled.sum()),
            "label_rows": len(raw), "label_rows_without_number": numbers.count(None),
        },
        "normalised_at_nm": params["bands"]["normalised_at_nm"],
        "wavelengths_nm": list(wavelengths_nm),
        "classes": {label: {"shape": shape_of[label], "with_spectrum": members[label],
                            "label_rows": count} for label, count in sorted(Counter(raw).items())},
        "shapes": {name: {"factor": factor_of[name], "mean": means[name]}
                   for name in sorted(means)},
        "factors": factors,
        "probabilities": probabilities(
            labels, np.array([shape_of[label] for label in raw]), letters),
        "ln_snr_quantiles": {"labelled": np.quantile(np.log(snr[labelled]), QUANTILES),
                             "unlabelled": np.quantile(np.log(snr[~labelled]), QUANTILES)},
        "num_of_spectra_quantiles": np.quantile(spectra_per_asteroid, QUANTILES),
        "snr_edges": SNR_EDGES,
        "per_snr_bin": by_brightness(reflectance, error, flag, snr, residual),
    }


def shapes(
    reflectance: Floats, error: Floats, snr: Floats, shape: npt.NDArray[np.str_],
    taxonomy: Mapping[str, Any], normalised: int,
) -> tuple[dict[str, Floats], dict[str, str], dict[str, list[float]]]:
    """Mean spectrum of each class, the name of its factor, and the factors by name.

    A factor is the lower triangle, row by row, of the Cholesky factor of the covariance without
    the band that normalisation fixes at 1.
    """
    complete = ~np.isnan(reflectance).any(axis=1)
    good = complete & (snr >= BRIGHT)
    names = sorted(set(shape.tolist()))
    complex_of = dict(zip(names, complexes(names, taxonomy), strict=True))
    means, deviations = {}, np.zeros_like(reflectance)
    for name in names:
        of_class = shape == name
        use = good & of_class if (good & of_class).any() else complete & of_class
        means[name] = reflectance[use].mean(axis=0)
        deviations[of_class] = reflectance[of_class] - means[name]

    lower = np.tril_indices(reflectance.shape[1] - 1)
    group = np.array([f"complex {complex_of[name]}" for name in shape])
    factor_of, factors = {}, {}
    for name in names:
        own = good & (shape == name)
        factor_of[name] = name if own.sum() >= MIN_OWN else f"complex {complex_of[name]}"
        use = own if factor_of[name] == name else good & (group == factor_of[name])
        degrees = int(use.sum()) - len(set(shape[use].tolist()))
        covariance = deviations[use].T @ deviations[use] / degrees
        covariance -= np.diag((error[use] ** 2).mean(axis=0))
        covariance = np.delete(np.delete(covariance, normalised, axis=0), normalised, axis=1)
        values, vectors = np.linalg.eigh(covariance)
        kept = (vectors * np.maximum(values, FLOOR)) @ vectors.T
        factors[factor_of[name]] = np.linalg.cholesky(kept)[lower].tolist()
    return means, factor_of, dict(sorted(factors.items()))


def probabilities(
    labels: pa.Table, shape: npt.NDArray[np.str_], letters: Sequence[str]
) -> dict[str, Any]:
    """Per class: quantiles of its own letter's probability, and the means of the others'."""
    table = np.column_stack([labels.column(probability_role(letter)).to_numpy()
                             for letter in letters]).astype(np.float64)
    out: dict[str, Any] = {"columns": [f"class_{letter}" for letter in letters]}
    for name in sorted(set(shape.tolist())):
        own = letters.index(name[0])  # Ch has no column but C's
        others = table[shape == name].mean(axis=0)
        others[own] = 0.0
        out[name] = {"own": np.quantile(table[shape == name, own], QUANTILES[::10]),
                     "others": others}
    return out


def by_brightness(
    reflectance: npt.NDArray[np.float32], error: npt.NDArray[np.float32],
    flag: npt.NDArray[np.int8], snr: Floats, residual: Floats,
) -> dict[str, list[Floats]]:
    """Per bin of S/N and band: drift, errors, and the rates of missing, suspect and bad values.

    `ln_err_snr` is the median of ln(error x S/N), `ln_err_snr_sd` half its 16-84 % range. Rates of
    flags are those among values that are present.
    """
    out: dict[str, list[Floats]] = {name: [] for name in (
        "drift", "ln_err_snr", "ln_err_snr_sd", "missing", "suspect", "bad")}
    bin_of = np.searchsorted(SNR_EDGES, snr, side="right")
    for i in range(len(SNR_EDGES) + 1):
        here = bin_of == i
        present = ~np.isnan(reflectance[here])
        scaled = np.log(error[here].astype(np.float64) * snr[here, None])
        low, middle, high = np.nanquantile(scaled, [0.16, 0.5, 0.84], axis=0)
        out["drift"].append(np.nanmedian(residual[here], axis=0))
        out["ln_err_snr"].append(middle)
        out["ln_err_snr_sd"].append((high - low) / 2)
        out["missing"].append(1.0 - present.mean(axis=0))
        for name, value in (("suspect", 1), ("bad", 2)):
            flagged = (flag[here] == value) & present
            out[name].append(flagged.sum(axis=0) / present.sum(axis=0))
    return out


def as_text(content: Mapping[str, Any]) -> str:
    """The file: JSON, five significant digits, one line per list of numbers."""
    text = json.dumps(_rounded(content), indent=1)
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: " ".join(found[0].split()), text) + "\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(v) for key, v in value.items()}
    if isinstance(value, np.ndarray | list):
        return [_rounded(v) for v in value]
    return float(f"{value:.5g}") + 0.0 if isinstance(value, float) else value


def _survey(table: pa.Table) -> str:
    survey: str = table.schema.metadata[b"survey"].decode()
    if survey == SIMULATED:
        raise PipelineError("statistics must be measured on the real tables, but data/raw holds "
                            "simulated ones; set source: archives in params.yaml and run "
                            "`dvc repro crossmatch` first")
    return survey


def measured_text() -> str:
    """The content of the file for the tables in data/raw."""
    params = load_params(PARAMS)
    labels = with_probabilities(list(params["fetch_labels"]["columns"]["probabilities"]))
    return as_text(measure(
        read_parquet(SPECTRA_PATH, SPECTRA.schema),
        read_parquet(SOURCE_MAPPING_PATH, SOURCE_MAPPING.schema),
        read_parquet(LABELS_PATH, labels.schema),
        params,
    ))


def main() -> None:
    """Measure and write."""
    text = measured_text()
    with atomic(STATISTICS_PATH) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    print(f"wrote {STATISTICS_PATH}: {len(text):,} bytes")


if __name__ == "__main__":
    run(main)
