"""Measures of tables: of one, and of two that should say the same."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.manifold import trustworthiness
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import type_of_target

from sk_entity._table import EmbeddingTable

#: Of more categories, this many are drawn: distances of all pairs are needed.
_MOST_TRUSTED = 3_000


def effective_rank(table: EmbeddingTable) -> float:
    """Return how many coordinates a table uses.

    The exponential of the entropy of the shares of its singular values, categories
    centered and counted by their rows.

    Parameters
    ----------
    table : EmbeddingTable
        Of any column.

    Returns
    -------
    rank : float
        From 1 (or 0, if all vectors are the same) to the table's dimension.

    See Also
    --------
    neighbour_overlap : Whether what a table says is there with another seed, too.

    References
    ----------
    O. Roy and M. Vetterli (2007), "The Effective Rank".

    Examples
    --------
    >>> import pandas as pd
    >>> from sk_entity import EmbeddingTable
    >>> from sk_entity.inspection import effective_rank
    >>> frame = pd.DataFrame({"x": [1.0, 2, 3], "y": [2.0, 4, 6]}, index=list("abc"))
    >>> round(effective_rank(EmbeddingTable.from_frame(frame, "on a line")), 6)
    1.0
    """
    vectors, weight = _points(table)
    center = np.average(vectors, axis=0, weights=weight)
    sizes = np.linalg.svd((vectors - center) * np.sqrt(weight)[:, None])[1]
    if sizes.sum() <= 1e-9 * max(1.0, float(np.abs(vectors).max())):
        return 0.0
    shares = sizes[sizes > 0] / sizes.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def neighbour_overlap(a: EmbeddingTable, b: EmbeddingTable, k: int = 10) -> float:
    """Return the share of nearest neighbours that two tables have in common.

    Parameters
    ----------
    a, b : EmbeddingTable
        Of the same column, for example by two seeds; the categories of both count.
    k : int, default=10
        Neighbours of each category; fewer if there are fewer categories.

    Returns
    -------
    overlap : float
        0 to 1; ``k / (n_categories - 1)`` by chance.

    Raises
    ------
    ValueError
        If fewer than three categories are in both tables.

    See Also
    --------
    procrustes_residual : Of distances, not of neighbours only.

    References
    ----------
    L. Wendlandt, J. Kummerfeld and R. Mihalcea (2018), "Factors Influencing the
    Surprising Instability of Word Embeddings".

    Examples
    --------
    >>> import pandas as pd
    >>> from sk_entity import EmbeddingTable
    >>> from sk_entity.inspection import neighbour_overlap
    >>> frame = pd.DataFrame({"x": [1.0, 2, 4, 8], "y": 0.0}, index=list("abcd"))
    >>> scaled = -3 * frame
    >>> one, other = (EmbeddingTable.from_frame(f, "letter") for f in (frame, scaled))
    >>> neighbour_overlap(one, other, k=2)
    1.0
    """
    first, second, _ = _common(a, b)
    k = min(k, len(first) - 1)
    near = [nearest_rows(vectors, k) for vectors in (first, second)]
    shared = [len(set(x) & set(y)) for x, y in zip(*near, strict=True)]
    return float(np.mean(shared) / k)


def procrustes_residual(a: EmbeddingTable, b: EmbeddingTable) -> float:
    """Return what is left of two tables' difference after the best rotation.

    Both are centered and scaled to one size, categories counted by their rows, and one
    is turned (and mirrored) towards the other.

    Parameters
    ----------
    a, b : EmbeddingTable
        Of the same column.

    Returns
    -------
    residual : float
        0: the same up to place, size and rotation; 1: nothing in common.

    Raises
    ------
    ValueError
        If fewer than three categories are in both tables.

    See Also
    --------
    drift : Category by category, of tables in one space.

    References
    ----------
    P. H. Schönemann (1966), "A Generalized Solution of the Orthogonal Procrustes
    Problem".

    Examples
    --------
    >>> import pandas as pd
    >>> from sk_entity import EmbeddingTable
    >>> from sk_entity.inspection import procrustes_residual
    >>> frame = pd.DataFrame({"x": [1.0, 2, 4], "y": [0.0, 3, 1]}, index=list("abc"))
    >>> turned = pd.DataFrame({"x": frame["y"], "y": -frame["x"]})
    >>> one, other = (EmbeddingTable.from_frame(f, "letter") for f in (frame, turned))
    >>> round(procrustes_residual(one, other), 6)
    0.0
    """
    first, second, weight = _common(a, b)
    first, second = _standard(first, weight), _standard(second, weight)
    agreement = np.linalg.svd(first.T @ second, compute_uv=False).sum()
    return float(max(0.0, 1.0 - agreement**2))


def drift(a: EmbeddingTable, b: EmbeddingTable) -> pd.DataFrame:
    """Return how far each category has moved between two tables of one space.

    Such as before and after ``partial_fit`` or ``warm_start``; tables of two separate
    fits have no space in common.

    Parameters
    ----------
    a, b : EmbeddingTable
        Of the same column, of the same dimension.

    Returns
    -------
    moved : DataFrame of shape (n_common_categories, 3)
        Index: category values. Columns: ``distance``, ``relative`` (over the root mean
        square distance of the categories of ``a`` from their mean) and ``count`` (of
        ``b``). Farthest first.

    Raises
    ------
    ValueError
        If the tables are of different dimensions.

    See Also
    --------
    procrustes_residual : Of tables that have no space in common.

    Examples
    --------
    >>> import pandas as pd
    >>> from sk_entity import EmbeddingTable
    >>> from sk_entity.inspection import drift
    >>> before = pd.DataFrame({"x": [1.0, 2, 4], "y": 0.0}, index=list("abc"))
    >>> after = before.assign(y=[0.0, 0.5, 0.0])
    >>> one, other = (EmbeddingTable.from_frame(f, "letter") for f in (before, after))
    >>> drift(one, other)["distance"].to_dict()
    {'b': 0.5, 'a': 0.0, 'c': 0.0}
    """
    if a.dim != b.dim:
        raise ValueError(
            f"Tables of dimensions {a.dim} and {b.dim} have no space in common: drift "
            "compares an encoder with its own update."
        )
    first, second = a.to_frame(), b.to_frame()
    index = first.index.intersection(second.index)
    before = first.loc[index].to_numpy()[:, : a.dim]
    after = second.loc[index].to_numpy()[:, : b.dim]
    vectors, weight = _points(a)
    center = np.average(vectors, axis=0, weights=weight)
    spread = np.average(((vectors - center) ** 2).sum(axis=1), weights=weight)
    distance = np.linalg.norm(after - before, axis=1)
    moved = pd.DataFrame(
        {
            "distance": distance,
            "relative": distance / np.sqrt(spread) if spread > 0 else np.nan,
            "count": second.loc[index, "count"],
        },
        index=index,
    )
    return moved.sort_values("distance", ascending=False, kind="stable")


def probe_score(table: EmbeddingTable, attribute: Any, *, cv: int = 5) -> float:
    """Return how well an attribute of the categories is read off their vectors.

    By a linear model (ridge for numbers, logistic for labels), on held-out categories.

    Parameters
    ----------
    table : EmbeddingTable
        Of any column.
    attribute : dict or Series
        From category value to label or number, such as a shop's state. Categories
        without one are left out.
    cv : int, default=5
        Folds of categories.

    Returns
    -------
    score : float
        Mean R² for numbers, balanced accuracy for labels.

    Raises
    ------
    ValueError
        If fewer than ``2 * cv`` categories have an attribute.

    See Also
    --------
    EmbeddingTable.nearest : To look at single categories.

    References
    ----------
    G. Alain and Y. Bengio (2016), "Understanding intermediate layers using linear
    classifier probes".

    Examples
    --------
    >>> from sk_entity import EmbeddingTable
    >>> from sk_entity.datasets import make_entities
    >>> from sk_entity.inspection import probe_score
    >>> truth = make_entities(100, random_state=0).vectors["entity_0"]
    >>> table = EmbeddingTable.from_frame(truth, "entity_0")
    >>> positive = {value: vector[0] > 0 for value, vector in truth.T.items()}
    >>> probe_score(table, positive) > 0.9
    True
    """
    known = pd.Series(attribute).dropna()
    frame = table.to_frame()
    index = frame.index.intersection(known.index)
    if len(index) < 2 * cv:
        raise ValueError(
            f"probe_score found {len(index)} categories with an attribute, which are "
            f"too few for cv={cv} folds: at least {2 * cv} are needed."
        )
    vectors, y = frame.loc[index].to_numpy()[:, : table.dim], known.loc[index]
    if type_of_target(y) == "continuous":
        model: Any = RidgeCV(np.logspace(-3, 3, 13))
        scoring = "r2"
    else:
        model = LogisticRegression(max_iter=1000)
        scoring = "balanced_accuracy"
    pipeline = make_pipeline(StandardScaler(), model)
    return float(cross_val_score(pipeline, vectors, y, cv=cv, scoring=scoring).mean())


def map_trustworthiness(
    table: EmbeddingTable, points: Any, k: int = 10, *, random_state: Any = 0
) -> float:
    """Return how far neighbours on a map are neighbours of the vectors, too.

    Parameters
    ----------
    table : EmbeddingTable
        What is mapped.
    points : array-like of shape (n_categories, n_dimensions)
        In the order of ``table.to_frame()``, such as the columns x and y of
        ``EmbeddingMapDisplay.frame``.
    k : int, default=10
        Neighbours of each category; fewer if there are few categories.
    random_state : int or None, default=0
        Draws 3,000 categories if there are more.

    Returns
    -------
    trustworthiness : float
        1: nothing is near on the map that is not near in the table; about .5 by
        chance.

    Raises
    ------
    ValueError
        If there is not one point for each category, or there are fewer than four.

    See Also
    --------
    sk_entity.plotting.EmbeddingMapDisplay : Draws the map.

    References
    ----------
    J. Venna and S. Kaski (2001), "Neighborhood Preservation in Nonlinear Projection
    Methods: An Experimental Study".

    Examples
    --------
    >>> from sk_entity import EmbeddingTable
    >>> from sk_entity.datasets import make_entities
    >>> from sk_entity.inspection import map_trustworthiness
    >>> truth = make_entities(100, random_state=0).vectors["entity_0"]
    >>> map_trustworthiness(EmbeddingTable.from_frame(truth, "entity_0"), truth)
    1.0
    """
    vectors, points = _points(table)[0], np.asarray(points, dtype=np.float64)
    n = len(vectors)
    if points.ndim != 2 or len(points) != n:
        raise ValueError(
            f"points has shape {points.shape}: give one point for each of the {n} "
            "categories of table.to_frame(), in its order."
        )
    if n < 4:
        raise ValueError(
            f"A map of {n} categories has no neighbourhoods: 4 are needed."
        )
    if n > _MOST_TRUSTED:
        some = check_random_state(random_state).permutation(n)[:_MOST_TRUSTED]
        vectors, points, n = vectors[some], points[some], len(some)
    k = min(k, (n - 1) // 2)
    return float(trustworthiness(vectors, points, n_neighbors=k))


def nearest_rows(vectors: NDArray[Any], k: int) -> NDArray[np.intp]:
    """Return the ``k`` nearest other rows of each row, nearest first.

    Parameters
    ----------
    vectors : ndarray of shape (n_rows, dim)
    k : int
        Less than ``n_rows``.

    Returns
    -------
    near : ndarray of shape (n_rows, k)
    """
    found = NearestNeighbors(n_neighbors=k).fit(vectors)
    return np.asarray(found.kneighbors(return_distance=False))


def _points(table: EmbeddingTable) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    frame = table.to_frame()
    weight = frame["count"].to_numpy(dtype=np.float64)
    vectors = frame.to_numpy(dtype=np.float64)[:, : table.dim]
    return vectors, np.maximum(weight, np.finfo(float).tiny)


def _common(
    a: EmbeddingTable, b: EmbeddingTable
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    first, second = a.to_frame(), b.to_frame()
    index = first.index.intersection(second.index)
    if len(index) < 3:
        raise ValueError(
            f"The tables of {a.name!r} and {b.name!r} have {len(index)} categories in "
            "common: at least 3 are needed to compare them."
        )
    weight = first.loc[index, "count"] + second.loc[index, "count"]
    return (
        first.loc[index].to_numpy(dtype=np.float64)[:, : a.dim],
        second.loc[index].to_numpy(dtype=np.float64)[:, : b.dim],
        weight.to_numpy(dtype=np.float64),
    )


def _standard(
    vectors: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    centered = vectors - np.average(vectors, axis=0, weights=weight)
    scaled = centered * np.sqrt(weight)[:, None]
    size = np.linalg.norm(scaled)
    return np.asarray(scaled / size if size > 0 else scaled)
