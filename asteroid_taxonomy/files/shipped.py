"""Files that belong to the package but live elsewhere in the project: ONNX files, two reports.

models/*.onnx, reports/mean_spectra.csv and crossvalidation/classes.csv are made by stages and kept
in git; the wheel holds copies of them inside the package (pyproject.toml), so that an installed
one works in any folder.
"""

from pathlib import Path

PACKAGE = Path(__file__).parent.parent


def shipped(path: Path) -> Path:
    """Give the place of a file of the project: in this folder, in the wheel, or in the checkout.

    Where there is none, `path` as it is: whoever opens it says so.
    """
    places = (path, PACKAGE / path, PACKAGE.parent / path)
    return next((place for place in places if place.exists()), path)
