"""Set the target of each labelled asteroid, and select the held-out asteroids.

Reads   data/asteroids.parquet
Writes  data/training_set.parquet (columns: tables.training_schema), reports/split.json

The held-out asteroids are the same for both models, and no model is trained on them.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.model_selection import train_test_split

from asteroid_taxonomy.console import PipelineError, run
from asteroid_taxonomy.files import read_metadata, write_json, write_parquet
from asteroid_taxonomy.params import Split, load_params
from asteroid_taxonomy.tables import (
    ASTEROIDS_PATH,
    TRAINING_SET_PATH,
    has_bands,
    read_asteroids,
    training_schema,
)

COUNTS_PATH = Path("reports/split.json")


def counted(names: pa.ChunkedArray | npt.NDArray[np.str_]) -> dict[str, int]:
    """Count each name, in alphabetical order."""
    counts = pc.value_counts(names)
    return dict(sorted((row["values"], row["counts"]) for row in counts.to_pylist()))


def targets(labelled: pa.Table, split: Split) -> pa.ChunkedArray:
    """The target of each asteroid: its complex, or its class without feature flags.

    Null for classes with fewer than `split.min_class_members` asteroids. PipelineError if a
    complex has fewer than `split.min_per_complex`.
    """
    if split.target == "class":
        name = labelled["class_without_flags"]
        enough = [each for each, n in counted(name).items() if n >= split.min_class_members]
        return pc.if_else(pc.is_in(name, pa.array(enough, pa.string())), name, None)
    counts = counted(labelled["complex"])
    if not counts or min(counts.values()) < split.min_per_complex:
        found = ", ".join(f"{name} {n}" for name, n in counts.items()) or "none"
        raise PipelineError(f"each complex needs {split.min_per_complex} labelled asteroids "
                            f"(split.min_per_complex), found {found[:60]}; check the labels")
    return labelled["complex"]


def held_out(
    target: pa.ChunkedArray, usable: npt.NDArray[np.bool_], split: Split
) -> tuple[pa.Array, pa.Array]:
    """Whether each asteroid is held out, stratified by target, and its position in its part.

    Null for asteroids that are not usable. PipelineError if a part has fewer than two targets.
    """
    rows = np.flatnonzero(usable)
    strata = target.to_numpy()[rows].astype(str)
    try:
        parts = train_test_split(rows, test_size=split.test_fraction, random_state=split.seed,
                                 stratify=strata)
        enough = all(len(set(target.to_numpy()[part])) > 1 for part in parts)
    except ValueError:
        enough = False
    if not enough:
        found = ", ".join(f"{name} {n}" for name, n in counted(pa.array(strata)).items()) or "none"
        raise PipelineError("training and held-out part need two targets each with all used bands "
                            f"and errors, found {found[:60]}; change split.test_fraction")
    out, place = np.zeros(len(usable), bool), np.zeros(len(usable), np.int32)
    for part, is_held_out in zip(parts, (False, True), strict=True):
        out[part], place[part] = is_held_out, np.arange(len(part))
    return pa.array(out, mask=~usable), pa.array(place, mask=~usable)


def main() -> None:
    """Run the stage."""
    params = load_params()
    nm, asteroids = params.bands.wavelengths_nm, read_asteroids(params.bands.wavelengths_nm)
    labelled = asteroids.filter(pc.is_valid(asteroids["class"])).sort_by("source_id")
    target = targets(labelled, params.split)
    learned = labelled.append_column("target", target).filter(pc.is_valid(target))
    used_nm = sorted({band for _, bands in params.train.used_bands_nm for band in bands})
    complete, usable = has_bands(learned, used_nm), has_bands(learned, used_nm, with_errors=True)
    out, place = held_out(learned["target"], usable, params.split)
    learned = learned.append_column("held_out", out).append_column("place", place)
    metadata = read_metadata(ASTEROIDS_PATH)
    write_parquet(learned.select(training_schema(nm).names), TRAINING_SET_PATH,
                  {"survey": metadata["survey"], "labels": metadata["labels"],
                   "target": params.split.target, "rows": str(len(learned)),
                   "citation": metadata["citation"]})
    counts: dict[str, Any] = {
        "survey": metadata["survey"], "labelled": len(labelled),
        "without_target": len(labelled) - len(learned),
        "without_used_bands": int((~complete).sum()),
        "without_error": int((complete & ~usable).sum()),
        **{key: counted(learned["target"].filter(pc.fill_null(chosen, False)))
           for key, chosen in (("train", pc.invert(out)), ("held_out", out))},
    }
    write_json(counts, COUNTS_PATH)
    print(f"wrote {TRAINING_SET_PATH}: {len(learned):,} asteroids; {COUNTS_PATH}: {counts}")


if __name__ == "__main__":
    run(main, __doc__)
