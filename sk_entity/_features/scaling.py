"""Numeric columns as inputs of the net (numpy only)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sk_entity._target import Units

#: The inter-quartile range of a standard normal distribution.
_NORMAL_IQR = 1.349
#: Inputs beyond this many deviations are bent towards it, so that heavy tails cannot
#: dominate the net (Holzmueller et al. 2024, "Better by default", section 3).
SOFT_LIMIT = 3.0


@dataclass(frozen=True, eq=False)
class NumericScaler:
    """Robust centre and scale of each numeric column.

    Attributes
    ----------
    center : ndarray of shape (n_numeric,)
        Weighted medians.
    scale : ndarray of shape (n_numeric,)
        Weighted inter-quartile ranges over 1.349; the standard deviation where that
        range is zero; 1 for a constant column.
    has_missing : ndarray of shape (n_numeric,), bool
        Columns that get a missing-value indicator.
    """

    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    has_missing: NDArray[np.bool_]

    @classmethod
    def fit(
        cls, values: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> "NumericScaler":
        """Learn centre and scale.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_numeric)
            NaN where missing.
        weights : ndarray of shape (n_rows,)
        """
        center = np.zeros(values.shape[1])
        scale = np.ones(values.shape[1])
        for j, column in enumerate(values.T):
            here = np.isfinite(column)  # infinity is a number beyond all others
            if here.any():
                center[j], scale[j] = _center_and_scale(column[here], weights[here])
        return cls(center, scale, np.asarray(np.isnan(values).any(axis=0)))

    def transform(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """Scale, impute the median, and append the missing-value indicators.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_numeric)

        Returns
        -------
        inputs : ndarray of shape (n_rows, n_numeric + n_indicators), float32
        """
        missing = np.isnan(values)[:, self.has_missing]
        return np.hstack([self.scaled(values), missing]).astype(np.float32)

    def scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scale and impute the median, shape (n_rows, n_numeric)."""
        missing = np.isnan(values)
        with np.errstate(over="ignore", invalid="ignore"):
            z = np.where(missing, 0.0, (values - self.center) / self.scale)
        z = np.clip(z, -1e6, 1e6)
        z /= np.sqrt(1.0 + (z / SOFT_LIMIT) ** 2)
        return z

    def of(self, column: int) -> "NumericScaler":
        """Return what is known of one column."""
        one = slice(column, column + 1)
        return NumericScaler(self.center[one], self.scale[one], self.has_missing[one])


def _center_and_scale(
    column: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    low, center, high = np.quantile(
        column, [0.25, 0.5, 0.75], weights=weights, method="inverted_cdf"
    )
    with np.errstate(over="ignore"):
        spread = (high - low) / _NORMAL_IQR
        if spread == 0:
            spread = np.sqrt(np.average((column - center) ** 2, weights=weights))
    if not np.isfinite(spread):
        spread = np.abs(column).max()
    return float(center), float(spread) or 1.0


@dataclass(frozen=True, eq=False)
class Scaling:
    """How the net sees numbers and targets.

    Attributes
    ----------
    scaler : NumericScaler
    units : tuple of Units
        Of each target.
    """

    scaler: NumericScaler
    units: tuple[Units, ...]
