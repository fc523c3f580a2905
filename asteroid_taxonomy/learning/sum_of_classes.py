"""Learn the classes of the taxonomy, give the probabilities of what they add up to.

A complex holds classes that look different: O has the V-types' deep absorption and the D-types'
red slope. A network that has to tell the classes apart learns these shapes one by one; the
probability of a complex is the sum of those of its classes.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin


def target_of(label: npt.ArrayLike) -> npt.NDArray[np.str_]:
    """What stands before the colon of labels such as X:M, str [n]."""
    return np.char.partition(np.asarray(label, dtype=str), ":")[:, 0]


class SumOfClasses(ClassifierMixin, BaseEstimator):
    """A classifier of labels such as X:M that gives the probabilities of C, O, S, X.

    Once fitted, `members_` is float32 [classes, targets]: 1 where a class belongs to a target.
    """

    def __init__(self, estimator: BaseEstimator) -> None:
        self.estimator = estimator

    def fit(
        self, spectra: npt.NDArray[np.floating], label: Sequence[str] | npt.NDArray[np.str_]
    ) -> "SumOfClasses":
        """Fit the classifier on spectra [n, bands] and their labels [n]."""
        self.estimator.fit(spectra, label)
        target = target_of(self.estimator.classes_)
        self.classes_ = np.unique(target)
        self.members_ = (target[:, None] == self.classes_).astype(np.float32)
        return self

    def predict_proba(self, spectra: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Probabilities [n, targets]."""
        found: npt.NDArray[np.floating] = self.estimator.predict_proba(spectra) @ self.members_
        return found
