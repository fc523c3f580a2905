"""Decide once what is learned of each labelled asteroid, and which of them are held out.

Reads   data/asteroids.parquet
Writes  data/training_set.parquet (columns in learning/training_set.py), reports/split.json

Every stage after this one that trains or judges takes the labelled asteroids from that table.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.model_selection import train_test_split

from asteroid_taxonomy.asteroids import ASTEROIDS_PATH, read_asteroids
from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import print_metrics, read_metadata, write_json, write_parquet
from asteroid_taxonomy.files.atomic_write import together
from asteroid_taxonomy.learning.training_set import TRAINING_SET_PATH, has_bands, schema
from asteroid_taxonomy.params import load_params

PARAMS = ("bands.wavelengths_nm", "train.used_bands_nm", "split")
COUNTS_PATH = Path("reports/split.json")


def targets(labelled: pa.Table, split: dict[str, Any]) -> pa.ChunkedArray:
    """What a model is to tell of each asteroid: its complex, or its class without flags.

    Null for classes with fewer than `split.min_class_members` asteroids: they are not learned.

    Raises
    ------
    PipelineError
        A complex has fewer than `split.min_per_complex` asteroids.
    """
    if split["target"] == "complex":
        counts = {row["values"]: row["counts"]
                  for row in pc.value_counts(labelled["complex"]).to_pylist()}
        if not counts or min(counts.values()) < split["min_per_complex"]:
            found = ", ".join(f"{name} {n}" for name, n in sorted(counts.items())) or "none"
            raise PipelineError(
                f"each complex needs {split['min_per_complex']} asteroids with a label and a "
                f"spectrum (split.min_per_complex), found {found}; check the label table, or "
                "lower the limit")
        return labelled["complex"]
    name = labelled["class_without_flags"]
    members = pc.value_counts(name)
    enough = members.field("values").filter(
        pc.greater_equal(members.field("counts"), split["min_class_members"]))
    return pc.if_else(pc.is_in(name, enough), name, None)


def held_out(
    target: pa.ChunkedArray, usable: npt.NDArray[np.bool_], split: dict[str, Any]
) -> tuple[pa.Array, pa.Array]:
    """Which asteroids are held out, stratified by target, and each one's place in its part.

    Null for those that are not usable.

    Raises
    ------
    PipelineError
        There are fewer than two targets, or one has no asteroid for each part.
    """
    rows = np.flatnonzero(usable)
    strata = target.to_numpy()[rows].astype(str)
    try:
        if len(np.unique(strata)) < 2:
            raise ValueError("nothing to tell apart")
        parts = train_test_split(rows, test_size=split["test_fraction"],
                                 random_state=split["seed"], stratify=strata)
    except ValueError as error:
        found = ", ".join(f"{name} {n}" for name, n in zip(
            *np.unique(strata, return_counts=True), strict=True)) or "none"
        raise PipelineError(
            "two targets or more, each with asteroids to learn from and to hold out, are needed, "
            f"and those with the bands of the model are: {found} ({error}); change "
            "split.test_fraction, split.min_class_members or split.min_per_complex") from None
    out, place = np.zeros(len(usable), bool), np.zeros(len(usable), np.int32)
    for part, is_held_out in zip(parts, (False, True), strict=True):
        out[part], place[part] = is_held_out, np.arange(len(part))
    return pa.array(out, mask=~usable), pa.array(place, mask=~usable)


@together()
def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    wavelengths_nm, split = params["bands"]["wavelengths_nm"], params["split"]
    asteroids = read_asteroids(wavelengths_nm)
    labelled = asteroids.filter(pc.is_valid(asteroids["class"])).sort_by("source_id")
    target = targets(labelled, split)
    learned = labelled.append_column("target", target).filter(pc.is_valid(target))
    used_nm, *_ = params["train"]["used_bands_nm"].values()  # the main model's: it needs most
    usable = has_bands(learned, wavelengths_nm, used_nm)
    out, place = held_out(learned["target"], usable, split)
    learned = learned.append_column("held_out", out).append_column("place", place)
    metadata = read_metadata(ASTEROIDS_PATH)
    write_parquet(learned.select(schema(wavelengths_nm).names), TRAINING_SET_PATH,
                  {"survey": metadata["survey"], "labels": metadata["labels"],
                   "target": split["target"], "rows": str(len(learned)),
                   "citation": metadata["citation"]})
    counts: dict[str, Any] = {
        "survey": metadata["survey"], "labelled": len(labelled),
        "without_target": len(labelled) - len(learned),
        "without_used_bands": int((~usable).sum()),
    }
    for name in sorted(learned["target"].unique().to_pylist()):
        mine = learned.filter(pc.equal(learned["target"], name))["held_out"]
        counts |= {f"train_{name}": len(mine) - mine.null_count - pc.sum(mine).as_py(),
                   f"held_out_{name}": pc.sum(mine).as_py()}
    write_json(counts, COUNTS_PATH)
    print_metrics(counts)
    print(f"wrote {TRAINING_SET_PATH}: {len(learned):,} asteroids; counts in {COUNTS_PATH}")


if __name__ == "__main__":
    run(main, __doc__)
