"""Number and names of the input columns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._columns.containers import read_frame, read_rows
from sk_entity.exceptions import ColumnError


@dataclass(frozen=True, eq=False)
class Header:
    """The input columns, as scikit-learn's checks look for them.

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,), object, or None
        None if they are not all strings.
    """

    n_features_in_: int
    feature_names_in_: NDArray[Any] | None

    @property
    def feature_names(self) -> NDArray[Any]:
        """The names; an `AttributeError` if they are not all strings."""
        if self.feature_names_in_ is None:
            raise AttributeError("The columns of fit had no names that are strings.")
        return self.feature_names_in_

    @property
    def names(self) -> list[str]:
        """The names, or ``x0``, ``x1``, ..."""
        if self.feature_names_in_ is not None:
            return [str(name) for name in self.feature_names_in_]
        return [f"x{i}" for i in range(self.n_features_in_)]

    def read(self, X: Any) -> pd.DataFrame:
        """Return ``X`` as a frame of these columns, without scikit-learn.

        Raises
        ------
        ValueError
            If the columns are others.
        """
        frame = read_frame(X)
        if frame is None:
            frame = read_rows(X)
            frame = pd.DataFrame(np.asarray(X)) if frame is None else frame
            self._check_number(frame.shape[1])
            return frame.set_axis([f"x{i}" for i in range(frame.shape[1])], axis=1)
        check_duplicates(frame.columns)
        self._check_number(frame.shape[1])
        names = self.feature_names_in_
        if names is not None and list(names) != list(frame.columns):
            raise ValueError(
                "The feature names should match those that were passed during fit: X "
                f"has the columns {list(frame.columns)[:20]!r}, in fit they were "
                f"{list(names)[:20]!r}. Pass the columns of fit, in their order."
            )
        return frame

    def _check_number(self, found: int) -> None:
        if found != self.n_features_in_:
            raise ValueError(
                f"X has {found} features, but the encoder is expecting "
                f"{self.n_features_in_} features as input: {self.names[:20]!r}."
            )


def check_duplicates(columns: pd.Index) -> None:
    """Raise a `ColumnError` if columns share a name."""
    if not columns.is_unique:
        names = list(columns[columns.duplicated()].unique())
        raise ColumnError(
            f"X has several columns of the same name: {names!r}. Vectors are keyed by "
            "column: rename or drop the duplicates."
        )
