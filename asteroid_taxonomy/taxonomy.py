"""Map the classes of the label table to taxonomic complexes.

In the taxonomy of Mahlke, Carry & Mattei 2022 (A&A 665, A26) the lower-case letters e, h, k after
a class are feature flags: an absorption feature near 0.5, 0.7 or 0.9 micron in at least one
spectrum. They do not change the class. params.yaml lists the flags, the classes that can have
them, and the classes of each complex.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from asteroid_taxonomy.console import PipelineError
from asteroid_taxonomy.params import Taxonomy


def strip_feature_flags(label: str, taxonomy: Taxonomy) -> str:
    """The class without its feature flags: Mk -> M, Eek -> E; Ch and Sq stay as they are."""
    bare = label.rstrip(taxonomy.feature_flags) if taxonomy.feature_flags else label
    return bare if bare in taxonomy.flagged_classes else label


def complexes(labels: Sequence[str], taxonomy: Taxonomy) -> list[str]:
    """The complex of each class label.

    Raises
    ------
    PipelineError
        A class that `taxonomy.complexes` lacks, unless `unknown_class` names a complex.
    """
    of_class = {c: name for name, members in taxonomy.complexes.items() for c in members}
    known = {label: of_class.get(strip_feature_flags(label, taxonomy), taxonomy.unknown_class)
             for label in set(labels)}
    unknown = Counter(label for label in labels if known[label] is None)
    if unknown:
        listed = ", ".join(f"{c} ({n})" for c, n in sorted(unknown.items()))
        raise PipelineError(f"the label table has classes that taxonomy.complexes in params.yaml "
                            f"lacks: {listed[:60]}; add each to its complex")
    return [str(known[label]) for label in labels]


def usable_labels(
    labels: pd.DataFrame, first_labels: int | None
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Remove and count the rows of the label table that cannot be matched by number.

    Returns
    -------
    labels : pandas.DataFrame
        number is unique and not null, class is not null.
    counts : dict
        Number of rows removed, by reason.
    """
    counts = {"labels_rows": len(labels)}
    left = labels.iloc[:len(labels) if first_labels is None else first_labels]
    counts["labels_beyond_first_labels"] = len(labels) - len(left)
    for reason, bad in (
        ("labels_without_number", left["number"].isna() | left["number"].eq(0).fillna(False)),
        ("labels_without_class", left["class"].isna()),
    ):
        bad = bad.reindex(left.index)
        counts[reason] = int(bad.sum())
        left = left[~bad]
    return left, counts


def classified(labels: pd.DataFrame, taxonomy: Taxonomy) -> pd.DataFrame:
    """Add the class without flags, the complex, and the probability of the class.

    Parameters
    ----------
    labels : pandas.DataFrame
        Columns of tables.LABELS, and probability_<class> if the label table has them.

    Returns
    -------
    pandas.DataFrame
        number, class, class_without_flags, complex, label_probability (float32; NaN if the
        table has none).
    """
    bare = labels["class"].map(lambda c: strip_feature_flags(c, taxonomy))
    probability = pd.Series(np.nan, index=labels.index, dtype=np.float32)
    for name in set(bare):
        if (role := f"probability_{name}") in labels:
            probability = probability.mask(bare == name, labels[role])
    return pd.DataFrame({
        "number": labels["number"], "class": labels["class"], "class_without_flags": bare,
        "complex": complexes(labels["class"].tolist(), taxonomy),
        "label_probability": probability,
    })
