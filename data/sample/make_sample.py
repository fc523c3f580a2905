"""Make the sample in this folder from the raw tables of a real run.

    python data/sample/make_sample.py

Reads   data/raw/*.parquet
Writes  data/sample/spectra.parquet, source_mapping.parquet, labels.parquet

The sample has every asteroid with a label and a spectrum, and 1,000 others: ordered by
signal-to-noise ratio they are cut into 1,000 equal parts, and one is drawn from each.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import read_metadata, read_parquet, write_parquet
from asteroid_taxonomy.signal_to_noise import signal_to_noise
from asteroid_taxonomy.tables import LABELS_PATH, SOURCE_MAPPING_PATH, SPECTRA_PATH

FOLDER = Path("data/sample")
OTHERS, SEED = 1000, 2022


def main() -> None:
    """Choose the asteroids and write the three tables."""
    spectra, mapping, labels = map(read_parquet, (SPECTRA_PATH, SOURCE_MAPPING_PATH, LABELS_PATH))
    source_id = spectra["source_id"].unique()
    reflectance, error = (spectra[name].to_numpy().reshape(len(source_id), -1)
                          for name in ("reflectance", "error"))
    numbered = labels.filter(pc.is_valid(labels["class"]))["number"].drop_null()
    labelled = mapping.filter(pc.is_in(mapping["number"], numbered.combine_chunks()))["source_id"]
    is_labelled = pc.is_in(source_id, labelled.combine_chunks()).to_numpy(zero_copy_only=False)
    others = np.flatnonzero(~is_labelled)
    by_snr = others[np.argsort(signal_to_noise(reflectance, error)[others], kind="stable")]
    rng = np.random.default_rng(SEED)
    drawn = [rng.choice(part) for part in np.array_split(by_snr, OTHERS)]
    chosen = source_id.take(pa.array(np.union1d(np.flatnonzero(is_labelled), drawn)))
    for path, table in ((SPECTRA_PATH, spectra), (SOURCE_MAPPING_PATH, mapping),
                        (LABELS_PATH, labels)):
        if "source_id" in table.column_names:
            table = table.filter(pc.is_in(table["source_id"], chosen))
        metadata = read_metadata(path) | {"rows": str(table.num_rows)}
        out = FOLDER / path.name
        write_parquet(table.combine_chunks(), out, metadata)
        print(f"wrote {out}: {table.num_rows:,} rows, {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    run(main)
