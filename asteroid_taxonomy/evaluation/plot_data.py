"""The tables that crossvalidate leaves in reports/crossvalidation, and their columns."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from asteroid_taxonomy.files import read_csv, write_csv

if TYPE_CHECKING:
    import pandas as pd

PLOTS = Path("reports/crossvalidation")
COLUMNS: dict[str, dict[str, type]] = {
    "classes": {"class": str, "asteroids": int, "predicted": int, "recall": float,
                "precision": float},
    "confusion": {"actual": str, "predicted": str},
    "coverage": {"coverage": float, "accuracy": float, "threshold": float},
    "kept": {"threshold": float, "kept": int, "accuracy_weighted": float,
             "accuracy_weighted_se": float, "accuracy_degraded": float,
             "accuracy_degraded_se": float, "labelled": int},
    "label_probability": {"label_probability": str, "asteroids": int, "accuracy": float},
    "learning_curve": {"share": float, "accuracy": float, "macro_f1": float, "log_loss": float},
    "reliability": {"confidence": float, "accuracy": float, "asteroids": int},
    "snr": {"snr": str, "asteroids": int, "accuracy": float, "ece": float,
            "share_of_all_asteroids": float},
}


def write_plot(name: str, rows: list[list[Any]]) -> None:
    """Write reports/crossvalidation/<name>.csv, floats with four digits."""
    write_csv(list(COLUMNS[name]),
              [[f"{v:.4f}" if isinstance(v, float) else v for v in row] for row in rows],
              PLOTS / f"{name}.csv")


def read_plot(name: str, folder: Path = PLOTS) -> "pd.DataFrame":
    """Read that table, checked."""
    return read_csv(folder / f"{name}.csv", COLUMNS[name])
