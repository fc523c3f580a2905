"""Classify every asteroid that has a Gaia spectrum, with the ONNX file as it is shipped.

Reads   data/asteroids.parquet, models/asteroid_taxonomy.onnx, data/out_of_fold.parquet
Writes  data/catalogue/gaia_dr3_taxonomy.parquet (columns in catalogue.py),
        reports/classify.json (asteroids by complex, with and without abstention, by S/N)

A spectrum of one's own is for `python -m stages.classify_file`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.asteroids import ASTEROIDS_PATH, read_asteroids
from stages.bands import flag_columns, matrix, names_of, reflectance_columns
from stages.catalogue import CATALOGUE_PATH, arrow_schema
from stages.classifier import Classifier, load_classifier
from stages.cli import PipelineError, run
from stages.files import load_params, read_metadata, read_parquet, write_json, write_parquet
from stages.onnx_contract import ONNX_PATH
from stages.training_set import load_training_set

PARAMS = ("bands", "split", "train", "classify")
OUT_OF_FOLD_PATH = Path("data/out_of_fold.parquet")
COUNTS_PATH = Path("reports/classify.json")
Floats = npt.NDArray[np.float32]


def snr_bins(snr: Floats, edges: Sequence[float]) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Number of the bin of each S/N, and the names of all bins: "<20", "20-30", ">=30"."""
    names = [f"<{edges[0]:g}", *(f"{a:g}-{b:g}" for a, b in zip(edges, edges[1:], strict=False)),
             f">={edges[-1]:g}"]
    return np.searchsorted(np.asarray(edges, np.float32), snr, side="right"), names


def put_out_of_fold(
    probabilities: Floats, source_ids: npt.NDArray[np.int64],
    in_training: npt.NDArray[np.bool_], out_of_fold: pa.Table, classes: Sequence[str],
) -> None:
    """Replace, in place, what the classifier says of asteroids that it was trained on.

    Raises
    ------
    PipelineError
        An asteroid of the training set without out-of-fold probabilities.
    """
    order = np.argsort(out_of_fold["source_id"].to_numpy())
    known = out_of_fold["source_id"].to_numpy()[order]
    wanted = source_ids[in_training]
    place = np.searchsorted(known, wanted).clip(max=max(len(known) - 1, 0))
    absent = wanted[known[place] != wanted] if len(known) else wanted
    if len(absent):
        raise PipelineError(
            f"{OUT_OF_FOLD_PATH} lacks {len(absent):,} asteroids of the training set (source_id "
            f"{absent[0]} for one); run `dvc repro crossvalidate` to make it anew")
    given = matrix(out_of_fold, [f"probability_{name}" for name in classes])
    probabilities[in_training] = given[order[place]]


def accuracy_by_bin(
    right: npt.NDArray[np.bool_], bin_of: npt.NDArray[np.int64], bins: int, at_least: int
) -> npt.NDArray[np.float32]:
    """Share of `right` in each bin; NaN in a bin with fewer than `at_least`."""
    members = np.bincount(bin_of, minlength=bins)
    hits = np.bincount(bin_of, weights=right, minlength=bins)
    enough = members >= at_least
    return np.where(enough, hits / np.maximum(members, 1), np.nan).astype(np.float32)


def counts(table: pa.Table, classes: Sequence[str], bins: Sequence[str]) -> dict[str, Any]:
    """Asteroids by complex, with abstention (_kept) and without, in all and by bin of S/N."""
    frame = table.select(["complex", "abstained", "snr_bin", "in_training",
                          "literature_complex"]).to_pandas()
    kept = frame[~frame["abstained"]]
    out: dict[str, Any] = {"asteroids": len(frame), "classified": int(frame["complex"].count()),
                           "kept": len(kept)}
    for name in classes:
        out |= {f"complex_{name}": int((frame["complex"] == name).sum()),
                f"complex_{name}_kept": int((kept["complex"] == name).sum())}
    for name in bins:
        here, kept_here = frame[frame["snr_bin"] == name], kept[kept["snr_bin"] == name]
        out |= {f"snr_{name}": len(here), f"snr_{name}_kept": len(kept_here)}
        for letter in classes:
            out |= {f"snr_{name}_{letter}": int((here["complex"] == letter).sum()),
                    f"snr_{name}_{letter}_kept": int((kept_here["complex"] == letter).sum())}
    labelled = frame[frame["literature_complex"].notna() & frame["complex"].notna()]
    for name, part in (("out_of_fold", labelled[labelled["in_training"]]),
                       ("held_out", labelled[~labelled["in_training"]])):
        agree = (part["complex"] == part["literature_complex"]).mean() if len(part) else None
        out |= {f"{name}_asteroids": len(part), f"{name}_agreement": agree}
    return out


def catalogue(
    asteroids: pa.Table, reflectance: Floats, probabilities: Floats, classifier: Classifier,
    in_training: npt.NDArray[np.bool_], params: dict[str, Any],
) -> tuple[pa.Table, list[str]]:
    """Put the columns together; also give the names of the S/N bins."""
    complexes, confidence = classifier.complexes(probabilities)
    bin_of, bins = snr_bins(asteroids["snr"].to_numpy(), params["snr_bin_edges"])
    literature = asteroids["complex"].to_numpy()
    judged = asteroids["complex"].is_valid().to_numpy() & ~np.isnan(confidence)
    accuracy = accuracy_by_bin((complexes == literature)[judged], bin_of[judged], len(bins),
                               params["min_per_snr_bin"])
    flags = matrix(asteroids, flag_columns(classifier.wavelengths_nm)).astype(np.int8)
    unknown = np.isnan(confidence)
    table = pa.table([
        asteroids["source_id"], asteroids["number"], asteroids["name"],
        *(pa.array(column, mask=unknown) for column in probabilities.T),
        pa.array(complexes, pa.string()), pa.array(confidence, mask=unknown),
        pa.array(~(confidence >= classifier.threshold)),
        pa.array(classifier.unclassified_because(reflectance), pa.string()),
        asteroids["snr"], pa.array(np.asarray(bins)[bin_of]),
        pa.array(accuracy[bin_of], mask=np.isnan(accuracy[bin_of])),
        names_of(np.isnan(reflectance), classifier.wavelengths_nm),
        ["".join(map(str, row)) for row in flags.tolist()],
        asteroids["class"], asteroids["complex"], pa.array(in_training),
    ], schema=arrow_schema(classifier.classes))
    return table, bins


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm = params["bands"]["wavelengths_nm"]
    classifier = load_classifier()
    if classifier.wavelengths_nm != wavelengths_nm:
        raise PipelineError(f"{ONNX_PATH} takes the bands {classifier.wavelengths_nm} nm, but "
                            f"bands.wavelengths_nm has {wavelengths_nm}; run `dvc repro export`")
    asteroids = read_asteroids(wavelengths_nm).sort_by("source_id")
    data = load_training_set(wavelengths_nm, params["train"]["used_bands_nm"], params["split"])
    trained_on = data.asteroids["source_id"].take(pa.array(data.train))
    in_training = pc.is_in(asteroids["source_id"], trained_on.combine_chunks()).to_numpy()

    reflectance = matrix(asteroids, reflectance_columns(wavelengths_nm))
    probabilities = classifier.probabilities(reflectance)
    out_of_fold = read_parquet(OUT_OF_FOLD_PATH, pa.schema(
        [("source_id", pa.int64()), *((f"probability_{c}", pa.float32())
                                      for c in classifier.classes)]))
    put_out_of_fold(probabilities, asteroids["source_id"].to_numpy(), in_training, out_of_fold,
                    classifier.classes)
    table, bins = catalogue(asteroids, reflectance, probabilities, classifier, in_training,
                            params["classify"])
    said = read_metadata(ASTEROIDS_PATH)
    write_parquet(table, CATALOGUE_PATH, {
        "survey": said["survey"], "classes": classifier.classes, "rows": str(len(table)),
        "abstention_threshold": str(classifier.threshold), "citation": said["citation"],
    })
    found = {"survey": said["survey"], "abstention_threshold": classifier.threshold,
             **counts(table, classifier.classes, bins)}
    write_json(found, COUNTS_PATH)
    for name in ("asteroids", "classified", "kept", *(f"complex_{c}" for c in classifier.classes)):
        print(f"  {name}: {found[name]:,}")
    print(f"wrote {CATALOGUE_PATH}: {len(table):,} asteroids; counts in {COUNTS_PATH}")


if __name__ == "__main__":
    run(main)
