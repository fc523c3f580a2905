"""From a class of the label table to a taxonomic complex.

In the taxonomy of Mahlke, Carry & Mattei 2022 (A&A 665, A26) the lower-case letters e, h, k behind
a class are feature flags: an absorption near 0.5, 0.7 or 0.9 micron was seen in one spectrum at
least. They refine a class and do not change it. Which letters are flags, which classes carry them
and which classes make up a complex stands in params.yaml.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.raw_tables import probability_role


def strip_feature_flags(label: str, flags: str, flagged_classes: Sequence[str]) -> str:
    """The class without its feature flags: Mk -> M, Eek -> E; Ch and Sq stay as they are.

    Parameters
    ----------
    label : str
        Class as the table gives it.
    flags : str
        The letters that are feature flags ("ehk"); empty: nothing is stripped.
    flagged_classes : sequence of str
        The classes that carry flags (E, M, P, X).
    """
    bare = label.rstrip(flags) if flags else label
    return bare if bare in flagged_classes else label


def complexes(
    labels: Sequence[str | None], taxonomy: Mapping[str, object]
) -> list[str | None]:
    """The complex of each class label; None stays None.

    Raises
    ------
    PipelineError
        A class that the table of complexes does not know, unless `unknown_class` names a complex.
    """
    groups: Mapping[str, Sequence[str]] = taxonomy["complexes"]  # type: ignore[assignment]
    of_class = {c: name for name, members in groups.items() for c in members}
    flags, flagged = str(taxonomy["feature_flags"]), list(taxonomy["flagged_classes"])  # type: ignore[call-overload]
    fallback = taxonomy["unknown_class"]
    known = {
        label: of_class.get(strip_feature_flags(label, flags, flagged), fallback)
        for label in set(labels) if label is not None
    }
    unknown = Counter(label for label in labels if label is not None and known[label] is None)
    if unknown:
        listed = ", ".join(f"{c} ({n} asteroid{'s' * (n > 1)})"
                           for c, n in sorted(unknown.items()))
        raise PipelineError(
            f"taxonomy.complexes in params.yaml knows the classes {', '.join(sorted(of_class))}, "
            f"but the label table also has {listed}; add each to the complex it belongs to"
        )
    return [None if label is None else known[label] for label in labels]  # type: ignore[misc]


def usable_labels(
    labels: pd.DataFrame, first_labels: int | None
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Leave out, and count, the rows of the label table that no number can be matched to.

    Returns
    -------
    labels : pandas.DataFrame
        number is unique and not null, class is not null.
    counts : dict
        How many were left out, by reason.
    """
    counts = {"labels_rows": len(labels)}
    left = labels.iloc[:len(labels) if first_labels is None else first_labels]
    counts["labels_beyond_first_labels"] = len(labels) - len(left)
    for reason, bad in (
        ("labels_without_number", lambda t: t["number"].isna() | t["number"].eq(0).fillna(False)),
        ("labels_without_class", lambda t: t["class"].isna()),
        ("labels_number_twice", lambda t: t["number"].duplicated(keep=False)),
    ):
        out = bad(left)
        counts[reason] = int(out.sum())
        left = left[~out]
    return left, counts


def classified(labels: pd.DataFrame, taxonomy: Mapping[str, object]) -> pd.DataFrame:
    """Say of each label its class without flags, its complex, and how probable the class is.

    Parameters
    ----------
    labels : pandas.DataFrame
        Columns of raw_tables.LABELS, and of the classes' probabilities where the table gives them.

    Returns
    -------
    pandas.DataFrame
        number, class, class_without_flags, complex, label_probability (float32; NaN where the
        table does not give that of the class).
    """
    bare = labels["class"].map(lambda c: strip_feature_flags(
        c, str(taxonomy["feature_flags"]), list(taxonomy["flagged_classes"])))  # type: ignore[call-overload]
    probability = pd.Series(np.nan, index=labels.index, dtype=np.float32)
    for name in set(bare):
        if (role := probability_role(name)) in labels:
            probability = probability.mask(bare == name, labels[role])
    return pd.DataFrame({
        "number": labels["number"], "class": labels["class"], "class_without_flags": bare,
        "complex": complexes(labels["class"].tolist(), taxonomy),
        "label_probability": probability,
    })
