"""Small frames that many tests share."""

import os

# Before SciPy is imported: scikit-learn's array API check runs only with it.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def cities():
    """120 rows: six cities with effects of their own, one number, a float target."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 6, 120)
    names = np.array(["Bari", "Cork", "Gent", "Lodz", "Oslo", "Rome"])
    X = pd.DataFrame({"city": names[codes], "size": rng.normal(size=120)})
    y = np.arange(6)[codes] + X["size"].to_numpy() + 0.1 * rng.normal(size=120)
    return X, y
