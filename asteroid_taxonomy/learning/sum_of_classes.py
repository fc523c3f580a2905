"""A classifier of taxonomic classes that returns the probabilities of their complexes.

A complex holds classes that look different: O has the deep absorption of V-types and the red slope
of D-types. A network trained on the classes learns these shapes one by one; the probability of a
complex is the sum of the probabilities of its classes.
"""

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin


class SumOfClasses(ClassifierMixin, BaseEstimator):
    """Once fitted, `members_` is float32 [classes, targets]: 1 where a class belongs to a target.

    `class_names_` and `classes_` are the names of its rows and columns.
    """

    def __init__(self, estimator: BaseEstimator) -> None:
        self.estimator = estimator

    def fit(
        self, spectra: npt.NDArray[np.floating], label: npt.NDArray[np.str_]
    ) -> "SumOfClasses":
        """Fit the classifier on spectra [n, bands] and their targets and classes, str [n, 2]."""
        pairs, number = np.unique(label, axis=0, return_inverse=True)
        self.estimator.fit(spectra, number.ravel())
        self.classes_ = np.unique(pairs[:, 0])
        self.class_names_ = pairs[:, 1]
        self.members_ = (pairs[:, :1] == self.classes_).astype(np.float32)
        return self

    def predict_proba(self, spectra: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Probabilities [n, targets]."""
        probabilities: npt.NDArray[np.floating] = self.estimator.predict_proba(spectra)
        return probabilities @ self.members_
