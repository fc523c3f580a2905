"""A spectrum as text, alone or over the mean spectra of the complexes, and as a picture."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.files import atomic
from asteroid_taxonomy.files.shipped import shipped

MEANS_PATH = Path("reports/mean_spectra.csv")
BAR = 40  # characters of the longest bar
HEIGHT, STEP = 18, 4  # lines of the plot; characters from band to band
DRAWN = (0.2, 2.5)  # reflectances; beyond is noise
BAD = 2  # the flag
Values = npt.NDArray[np.floating]


def bars(
    wavelengths_nm: Sequence[int], reflectance: Values, error: Values,
    flag: npt.NDArray[np.integer],
) -> list[str]:
    """Lines of a table of a spectrum [bands] with bars; NaN is not measured."""
    highest = max(np.nanmax(reflectance, initial=0.0), 1e-9)
    lines = ["  nm    reflectance"]
    for nm, value, sigma, mark in zip(wavelengths_nm, reflectance, error, flag, strict=True):
        if np.isnan(value):
            lines.append(f"  {nm:<5} not measured")
            continue
        bar = "#" * max(round(BAR * float(value / highest)), 0)
        uncertain = "       " if np.isnan(sigma) else f" ±{sigma:.3f}"
        bad = "  flagged as bad" if mark == BAD else ""
        lines.append(f"  {nm:<5} {value:6.3f}{uncertain} {bar}{bad}")
    return lines


def over_the_complexes(
    wavelengths_nm: Sequence[int], reflectance: Values, error: Values,
    flag: npt.NDArray[np.integer],
) -> list[str]:
    """Lines of a plot of a spectrum [bands] over the mean spectra of the complexes."""
    means = {name: np.array([median for _, median, *_ in points])
             for name, points in mean_spectra().items()}
    lowest, highest = (float(np.clip(extreme(np.hstack([reflectance, *means.values()])), *DRAWN))
                       for extreme in (np.nanmin, np.nanmax))
    canvas = [[" "] * STEP * len(wavelengths_nm) for _ in range(HEIGHT)]
    own = {"*": np.where(flag == BAD, np.nan, reflectance),
           "!": np.where(flag == BAD, reflectance, np.nan)}
    for mark, values in (means | own).items():
        for j, value in enumerate(values):
            if lowest <= value <= highest:
                line = round((highest - value) / (highest - lowest) * (HEIGHT - 1))
                canvas[line][STEP * j + 1] = mark[0]
    step = (highest - lowest) / (HEIGHT - 1)
    axis = [f"{nm:<{2 * STEP}}" for nm in wavelengths_nm[::2]]
    return [*(f"  {highest - step * i:5.2f} |{''.join(line)}".rstrip()
              for i, line in enumerate(canvas)),
            f"     nm  {''.join(axis)}".rstrip(),
            f"  * this asteroid, ! flagged as bad, {', '.join(means)} means of the labelled ones"]


def mean_spectra() -> dict[str, list[tuple[int, float, float, float]]]:
    """Wavelength in nm, median and the limits of the middle two thirds, by complex.

    Raises
    ------
    PipelineError
        The file is missing or is not what `figures` writes.
    """
    path = shipped(MEANS_PATH)
    out: dict[str, list[tuple[int, float, float, float]]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            _, *rows = csv.reader(file)
        for name, nm, median, low, high in rows:
            out.setdefault(name, []).append((int(nm), float(median), float(low), float(high)))
    except (OSError, ValueError) as error:
        raise PipelineError(f"{path}, the mean spectra of the complexes, cannot be read ({error});"
                            f" run `dvc repro figures`, or leave the plot away") from None
    return out


def write_picture(
    title: str, wavelengths_nm: Sequence[int], reflectance: Values, error: Values,
    flag: npt.NDArray[np.integer], normalised_at_nm: int, path: Path,
) -> None:
    """Draw a spectrum [bands] over those of the complexes, by the page's chart: .svg or .png.

    Raises
    ------
    PipelineError
        Another ending, or the libraries that draw are not installed.
    """
    if path.suffix not in {".svg", ".png"}:
        raise PipelineError(f"the picture {path} should end in .svg or .png")
    try:
        import pandas as pd
        import vl_convert

        from asteroid_taxonomy.page import chart_style, charts
    except ModuleNotFoundError as error_:
        raise PipelineError(f"a picture needs {error_.name}, which is not installed; run "
                            "`pip install '.[pipeline]'` in the project's folder, or use "
                            "--plot") from None
    means = mean_spectra()
    table = pd.DataFrame([(name, *point) for name, points in means.items() for point in points],
                         columns=["complex", "nm", "median", "low", "high"])
    spec = charts.mean_spectra(table, list(means), normalised_at_nm, interactive=True)
    sigma = np.nan_to_num(error)
    spec["datasets"]["asteroid"] = [
        {"nm": nm, "value": float(value), "low": float(value - s), "high": float(value + s),
         "flag": charts.FLAGS[mark], "used": True}
        for nm, value, s, mark in zip(wavelengths_nm, reflectance, sigma, flag, strict=True)
        if np.isfinite(value)]
    drawn = chart_style.svg(spec | {"title": title})
    with atomic(path) as part:
        if path.suffix == ".svg":
            part.write_text(drawn, encoding="utf-8")
        else:
            part.write_bytes(vl_convert.svg_to_png(drawn, scale=2))
