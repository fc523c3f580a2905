"""What the trained pipeline makes of Vesta, step by step: blocks of docs/walkthrough.md."""

import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from asteroid_taxonomy.asteroids import reflectance_columns
from asteroid_taxonomy.learning.model_file import load_model, model_path
from asteroid_taxonomy.params import load_params

NUMBER = 4  # Vesta: bright, held out, and not easy


def code(lines: list[str]) -> str:
    """Lines as a block of code."""
    return "\n".join(["```", *(line.rstrip() for line in lines), "```"])


def table(frame: pd.DataFrame) -> list[str]:
    """A frame as lines of text, without its index."""
    text: str = frame.to_string(index=False)
    return text.splitlines()


@cache
def bands() -> tuple[list[int], list[int]]:
    """The grid and the bands that the model uses, in nm."""
    params = load_params(("bands.wavelengths_nm", "train.used_bands_nm"))
    return params["bands"]["wavelengths_nm"], next(iter(params["train"]["used_bands_nm"].values()))


def row(path: Path) -> dict[str, Any]:
    """Vesta's row of a table that has its number."""
    rows: list[dict[str, Any]] = pq.read_table(
        path, filters=pc.field("number") == NUMBER).to_pylist()
    return rows[0]


@cache
def vesta() -> dict[str, Any]:
    """Vesta's row of data/asteroids.parquet."""
    return row(Path("data/asteroids.parquet"))


@cache
def steps() -> dict[str, Any]:
    """Vesta on its way through the trained pipeline, step by step."""
    model = load_model(model_path("asteroid_taxonomy"))
    whole = np.array([[vesta()[name] for name in reflectance_columns(bands()[0])]], np.float32)
    picked = model["bands"].transform(whole)
    scaled = model["scaler"].transform(picked)
    summing = model["classifier"]
    networks = summing.estimator.estimators_
    return {"model": model, "whole": whole, "picked": picked, "scaled": scaled,
            "networks": networks, "summing": summing,
            "each": np.stack([net.predict_proba(scaled)[0] for net in networks]),
            "classes": summing.class_probabilities(scaled)[0],
            "complexes": summing.predict_proba(scaled)[0]}


def scaled() -> str:
    """Vesta's bands before and after the scaler."""
    s, scaler = steps(), steps()["model"]["scaler"]
    return code(table(pd.DataFrame({
        "nm": bands()[1], "reflectance": s["picked"][0].round(4), "mean": scaler.mean_.round(4),
        "std": scaler.scale_.round(4), "scaled": s["scaled"][0].round(2)})))


def through_the_network() -> str:
    """Layers, class probabilities, and their sum."""
    s = steps()
    shapes = " -> ".join(str(w.shape[0]) for w in s["networks"][0].coefs_)
    names, members = s["summing"].class_names_, s["summing"].members_
    order = np.argsort(-s["classes"])[:6]
    lines = [f"one network: {shapes} -> {len(names)} classes; {len(s['networks'])} networks",
             "", "class   " + "".join(f"{f'network {i + 1}':>11}"
                                      for i in range(len(s["networks"]))) + "       mean"]
    lines += [f"{names[i]:8}" + "".join(f"{p:11.3f}" for p in s["each"][:, i])
              + f"{s['classes'][i]:11.3f}" for i in order]
    lines += ["...", "", "the sum over the classes of each complex:"]
    for j, name in enumerate(s["summing"].classes_):
        inside = [f"{names[i]} {s['classes'][i]:.3f}" for i in np.argsort(-s["classes"])
                  if members[i, j]]
        lines.append(f"{name}  {s['complexes'][j]:.3f} = {' + '.join(inside)}")
    return code(lines)


def zipmap() -> str:
    """What the converter gives with zipmap, and without."""
    import onnxruntime
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    s, lines = steps(), []
    inputs = [("float_input", FloatTensorType([None, s["scaled"].shape[1]]))]
    for option in (True, False):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            converted = convert_sklearn(s["networks"][0], "network", inputs,
                                        options={"zipmap": option}, target_opset=17)
        session = onnxruntime.InferenceSession(converted.SerializeToString())
        output = session.get_outputs()[1]
        (value,) = session.run([output.name], {"float_input": s["scaled"].astype(np.float32)})
        text = ", ".join(f"{k}: {v:.3f}" for k, v in list(value[0].items())[:4]) if option \
            else ", ".join(f"{v:.3f}" for v in value[0][:4])
        lines += [f"zipmap {option!s:6} {output.name}: {output.type}",
                  f"              {'{' if option else '['}{text}, ...{'}' if option else ']'}"]
    return code(lines)


def in_the_file() -> str:
    """The ONNX file's probabilities of Vesta beside scikit-learn's."""
    from asteroid_taxonomy.onnx_model.classifier import load_classifier

    classifier, s = load_classifier(), steps()
    (found,) = classifier.probabilities(s["whole"])
    lines = [f"{'':14}" + "".join(f"{name:>12}" for name in classifier.classes)]
    lines += [f"{title:14}" + "".join(f"{p:12.7f}" for p in values)
              for title, values in (("scikit-learn", s["complexes"]), ("ONNX file", found))]
    best = found.argmax()
    sure = "kept" if found[best] >= classifier.threshold else "below it: take it as unknown"
    return code([*lines, "", f"most probable: {classifier.classes[best]} at {found[best]:.3f}; "
                             f"abstention_threshold {classifier.threshold}: {sure}"])
