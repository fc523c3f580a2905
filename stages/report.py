"""Write the page that shows what was made: one file, no network, for whoever opens it.

Reads   data/asteroids.parquet, data/catalogue/gaia_dr3_taxonomy.parquet,
        data/out_of_fold.parquet, models/asteroid_taxonomy.onnx, reports/*.json,
        reports/mean_spectra.csv, reports/crossvalidation/*.csv
Writes  reports/index.html (about 5 MB: all asteroids can be looked up in it),
        reports/model_card.md (the same figures in short, for whoever takes the model)
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import altair as alt
import jinja2
import numpy as np
import onnxruntime
import pandas as pd
import vl_convert
import yaml

from asteroid_taxonomy.asteroids import read_asteroids, reflectance_columns
from asteroid_taxonomy.catalogue import read_catalogue
from asteroid_taxonomy.console import run
from asteroid_taxonomy.evaluation import accuracy_by_bin as bins
from asteroid_taxonomy.evaluation.out_of_fold import PLOTS, read_out_of_fold
from asteroid_taxonomy.files import atomic, read_json
from asteroid_taxonomy.onnx_model.classifier import load_classifier
from asteroid_taxonomy.onnx_model.description import ONNX_PATH
from asteroid_taxonomy.page import charts
from asteroid_taxonomy.page.chart_data import specifications
from asteroid_taxonomy.page.search_index import encoded
from asteroid_taxonomy.params import load_params
from asteroid_taxonomy.raw_tables import SIMULATED

PARAMS = ("survey", "bands", "taxonomy", "crossmatch", "split", "train", "crossvalidate",
          "calibration", "export")
PAGE_PATH, CARD_PATH = Path("reports/index.html"), Path("reports/model_card.md")
TEMPLATES = Path(__file__).parent
METRICS = ("crossmatch", "evaluate", "metrics", "classify", "verify", "search")


def accuracy_above(threshold: float) -> float | None:
    """Cross-validated accuracy of the labelled asteroids above a confidence, to about 2 %."""
    curve = pd.read_csv(PLOTS / "coverage.csv")
    above = curve.loc[curve["threshold"] >= threshold, "accuracy"]
    return float(above.iloc[-1]) if len(above) else None


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage; a small survey may have none."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def plus_minus(found: Mapping[str, Any], key: str, as_percent: bool = True) -> str:
    """A figure with its spread over the folds, where it has one."""
    if key not in found:
        return "–"
    spread = found.get(f"{key}_std")
    if as_percent:
        return f"{100 * found[key]:.1f}" + (f" ± {100 * spread:.1f}" if spread else "") + " %"
    return f"{found[key]:.3f}" + (f" ± {spread:.3f}" if spread else "")


def template(name: str) -> jinja2.Template:
    """Read a template beside this file; a name it uses and does not get is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined,
        autoescape=name.endswith(".html.j2"), trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True)
    made.filters |= {"percent": percent, "number": lambda n: f"{n:,}"}
    return made.get_template(name)


def embedded(content: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def write(text: str, path: Path) -> None:
    """Write a text file."""
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def main() -> None:
    """Run the stage."""
    params = load_params(PARAMS)
    classifier = load_classifier()
    table, said = read_catalogue()
    nm = classifier.wavelengths_nm
    asteroids = read_asteroids(nm).sort_by("source_id")
    catalogue = table.to_pandas()
    names = [name for name in bins.names(params["crossvalidate"]["snr_edges"])
             if (catalogue["snr_bin"] == name).any()]
    labelled = read_out_of_fold().to_pandas().merge(
        asteroids.to_pandas()[["source_id", "class", *reflectance_columns(nm)]], on="source_id")
    specs, failures = specifications(labelled, catalogue, classifier.classes, nm, names,
                                     classifier.threshold)
    data, layout = encoded(table, asteroids, nm, classifier.classes, names)
    accuracy = catalogue.groupby("snr_bin")["snr_bin_accuracy"].first()
    layout["bin_accuracy"] = [None if np.isnan(accuracy[name]) else round(float(accuracy[name]), 4)
                              for name in names]
    layout |= {"threshold": classifier.threshold,
               "colours": charts.PALETTE[:len(classifier.classes)]}
    about = {
        "survey": said["survey"], "simulated": said["survey"] == SIMULATED,
        "classes": classifier.classes, "threshold": classifier.threshold,
        "complexes": params["taxonomy"]["complexes"], "train": params["train"],
        "crossvalidate": params["crossvalidate"], "used_nm":
            [nm[j] for j in classifier.used],
        "wavelengths_nm": nm, "failures": failures.to_dict("records"),
        "citations": json.loads(said["citation"]), "model_bytes": ONNX_PATH.stat().st_size,
        "metadata": dict(sorted(onnxruntime.InferenceSession(
            str(ONNX_PATH)).get_modelmeta().custom_metadata_map.items())),
        "params": yaml.safe_dump(params, sort_keys=False, default_flow_style=None, width=90),
        "accuracy_above": accuracy_above(classifier.threshold), "plus_minus": plus_minus,
        "median_snr": float(catalogue["snr"].median()),
        "median_snr_labelled": float(labelled["snr"].median()),
        **{name: read_json(Path(f"reports/{name}.json")) for name in METRICS},
    }
    library = vl_convert.javascript_bundle(
        "window.vegaEmbed = vegaEmbed;", vl_version=".".join(alt.SCHEMA_VERSION[1:].split(".")[:2])
    ).replace("</script", "<\\/script")
    write(template("report.html.j2").render(
        **about, data=data, layout=embedded(layout), specs=embedded(specs), library=library),
        PAGE_PATH)
    write(template("model_card.md.j2").render(**about), CARD_PATH)
    print(f"wrote {PAGE_PATH}: {PAGE_PATH.stat().st_size / 1e6:.1f} MB, {len(table):,} asteroids "
          f"to look up; and {CARD_PATH}")


if __name__ == "__main__":
    run(main, __doc__)
