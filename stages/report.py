"""Write the page, the model card and the figures.

Reads   data/asteroids.parquet, data/out_of_fold.parquet, data/catalogue/<catalogue.name>.parquet,
        models/asteroid_taxonomy.onnx, models/asteroid_taxonomy_visible.onnx, reports/*.json,
        reports/catalogue_by_snr.csv, reports/above_threshold.csv,
        reports/crossvalidation/*.csv
Writes  reports/index.html (about 7 MB, with the spectra of all asteroids; works offline),
        reports/model_card.md, reports/mean_spectra.csv, reports/figures/*.svg
"""

from pathlib import Path
from typing import Any

import onnx

from asteroid_taxonomy.catalogue import read_catalogue
from asteroid_taxonomy.console import run
from asteroid_taxonomy.files import atomic, read_json, read_parquet, write_csv
from asteroid_taxonomy.onnx_model.metadata import MAIN, ONNX_PATH, VISIBLE, Metadata, onnx_path
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.report import rendering
from asteroid_taxonomy.report.charts import STYLE, height_px, svg, with_asteroid
from asteroid_taxonomy.report.content import (
    MEAN_SPECTRA_PATH,
    REPORTS,
    figures,
    layout,
    specifications,
)
from asteroid_taxonomy.report.labelled import confident_failures, mean_spectra
from asteroid_taxonomy.report.network import network
from asteroid_taxonomy.report.search_index import encoded, examples
from asteroid_taxonomy.tables import OUT_OF_FOLD_PATH, read_asteroids

PAGE_PATH, CARD_PATH, FIGURES_PATH = (
    REPORTS / name for name in ("index.html", "model_card.md", "figures"))
METRICS = ("crossmatch", "evaluate", "calibration", "catalogue")


def read_models() -> tuple[list[Metadata], list[dict[str, Any]]]:
    """Metadata and network of the main model and the visible model."""
    files = {name: onnx.load(onnx_path(name)) for name in (MAIN, VISIBLE)}
    text = [{p.key: p.value for p in model.metadata_props} for model in files.values()]
    return ([Metadata.from_text(each, onnx_path(name))
             for name, each in zip(files, text, strict=True)],
            [network(model) for model in files.values()])


def write_text(text: str, path: Path) -> None:
    """Write text with Unix line endings."""
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def main() -> None:
    """Run the stage."""
    params = load_params()
    nm = params.bands.wavelengths_nm
    reports = {name: read_json(REPORTS / f"{name}.json") for name in METRICS}
    metadata, graphs = read_models()
    classes = metadata[0].classes
    table, facts = read_catalogue(params.catalogue.name)
    asteroids, catalogue = read_asteroids(nm).sort_by("source_id"), table.to_pandas()
    label = read_parquet(OUT_OF_FOLD_PATH, columns=["source_id", "target"]).to_pandas()
    target = catalogue["source_id"].map(label.set_index("source_id")["target"])

    means = mean_spectra(asteroids, target, nm)
    write_csv(list(means.columns), means.itertuples(index=False), MEAN_SPECTRA_PATH)
    specs = specifications(metadata[0].abstention_threshold)
    drawn = {name: svg(spec) for name, spec in specs.items()}
    for name, text in drawn.items():
        write_text(text, FIGURES_PATH / f"{name}.svg")
    specs["look_up"] = with_asteroid(specs.pop("mean_spectra"))
    drawn["look_up"] = svg(specs["look_up"])

    failures = confident_failures(catalogue, target).astype({"number": object})
    chosen = examples(table, classes)
    about = figures(params, metadata[0], reports, catalogue, target, facts) | {
        "heights": {name: height_px(drawn[name]) for name in specs},
        "failures": failures.where(failures.notna(), "").to_dict("records"),
        "example": chosen[0][0] if chosen else "", "model_bytes": ONNX_PATH.stat().st_size,
    }
    packed, index = encoded(table, asteroids, target.where(target.notna(), None).tolist(), nm,
                            classes)
    index |= layout(metadata, graphs, params, about, means) | {"examples": chosen, "style": STYLE}
    write_text(rendering.html(about, packed, specs=specs, layout=index), PAGE_PATH)
    write_text(rendering.model_card(about), CARD_PATH)
    print(f"wrote {PAGE_PATH}: {PAGE_PATH.stat().st_size / 1e6:.1f} MB, {len(table):,} asteroids "
          f"to look up; {CARD_PATH}, {MEAN_SPECTRA_PATH} and {len(specs)} figures")


if __name__ == "__main__":
    run(main, __doc__)
