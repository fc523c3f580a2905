"""Made-up spectra with known answers, and the layouts in which people keep such."""

import numpy as np
import pyarrow.parquet as pq

from asteroid_taxonomy.commands.classify import classify_files

GRID = [374, 418, 462, 506, 550, 594, 638, 682, 726, 770, 814, 858, 902, 946, 990, 1034]
S_LIKE = [.62, .74, .84, .93, 1., 1.06, 1.1, 1.14, 1.17, 1.17, 1.13, 1.07, 1.03, 1.02, 1.05, 1.09]
C_LIKE = [.95, .98, .99, 1., 1., 1., 1., 1., 1., .995, .99, .99, .99, 1., 1., 1.]
D_LIKE = [.75, .82, .88, .95, 1., 1.05, 1.1, 1.15, 1.2, 1.26, 1.31, 1.36, 1.4, 1.45, 1.5, 1.55]
CURVES = {"S": S_LIKE, "C": C_LIKE, "O": D_LIKE}
FACTOR = {"nm": 1, "um": 1000, "angstrom": 0.1}


def finer(curve, step=5.0, low=400, high=1030):
    """A curve on another grid, by straight lines."""
    grid = np.arange(low, high + step / 2, step)
    return grid, np.interp(grid, GRID, curve)


def number(value, decimal="."):
    return f"{value:.6g}".replace(".", decimal)


def rows(grid, curve, unit="um", extra=()):
    """Fields of each point: wavelength in `unit`, reflectance, and constants."""
    return [[nm / FACTOR[unit], r, *extra] for nm, r in zip(grid, curve, strict=True)]


def text(table, separator=" ", decimal=".", end="\n", header=(), above=""):
    """A text file's bytes: lines above, a header if any, rows."""
    lines = [separator.join(header)] if header else []
    lines += [separator.join(f if isinstance(f, str) else number(f, decimal) for f in row)
              for row in table]
    return (above + end.join(lines) + end).replace("\n", end).encode()


def found(*paths, output=None, **options):
    """What `classify` writes about files, as a data frame."""
    output = output or paths[0].parent / "out.parquet"
    classify_files(paths, output, **options)
    return pq.read_table(output).to_pandas()
