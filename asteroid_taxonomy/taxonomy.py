"""From a class of the Mahlke 2022 taxonomy to a taxonomic complex.

The classes are those of Mahlke, Carry & Mattei 2022 (A&A 665, A26): A B C Ch D E K L M O P Q R S
V X Z. The lower-case letters e, h, k behind a class are feature flags: an absorption near 0.5, 0.7
or 0.9 micron was seen in one spectrum at least (their table gives the class without flags as
class_sf: M for Mk). They refine a class and do not change it. Ch is a class of its own and stays.
Which classes make up a complex stands in params.yaml.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from asteroid_taxonomy.console import PipelineError


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
