"""Every encoder under the user's own model and folds, with honest intervals."""

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_classifier
from sklearn.compose import make_column_transformer
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, TargetEncoder
from sklearn.utils.parallel import Parallel, delayed

from sk_entity._columns import read_schema
from sk_entity._encoder import EntityEmbeddingEncoder
from sk_entity._target import check_target


class AsCategories(TransformerMixin, BaseEstimator):
    """Columns as pandas categories with the levels of the training rows."""

    def fit(self, X: pd.DataFrame, y: Any = None) -> "AsCategories":
        """Remember the levels."""
        self.levels_ = {name: pd.Index(X[name].dropna().unique()) for name in X}
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the columns with these levels; other values are missing."""
        dtypes = {n: pd.CategoricalDtype(v) for n, v in self.levels_.items()}
        known = {n: X[n].where(X[n].isin(v)) for n, v in self.levels_.items()}
        return pd.DataFrame(known, index=X.index).astype(dtypes)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the columns."""
        return np.asarray(list(self.levels_), dtype=object)


class AsText(TransformerMixin, BaseEstimator):
    """Columns as strings in vectors of skrub's StringEncoder, one encoder a column."""

    def __init__(self, random_state: Any = None):
        self.random_state = random_state

    def fit_transform(self, X: pd.DataFrame, y: Any = None) -> pd.DataFrame:
        """Fit an encoder on each column; return their vectors."""
        try:
            from skrub import ApplyToCols, StringEncoder
        except ImportError as error:
            raise ImportError(
                "StringEncoder needs skrub, which is not installed here: "
                'pip install "sk-entity[baselines]".'
            ) from error
        self.columns_ = ApplyToCols(StringEncoder(random_state=self.random_state))
        vectors: pd.DataFrame = self.columns_.fit_transform(X.astype(str))
        return vectors

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the vectors of the columns."""
        vectors: pd.DataFrame = self.columns_.transform(X.astype(str))
        return vectors

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return a name a coordinate."""
        return np.asarray(self.columns_.get_feature_names_out(), dtype=object)


def _log_counts(counts: pd.DataFrame) -> pd.DataFrame:
    """Return logarithms under names of their own, beside those of a target encoder."""
    return counts.apply(np.log1p).add_suffix("_count")


def default_encoders(kind: str, random_state: Any) -> dict[str, Any]:
    """Return the encoders of ``encoders="default"``, for the categorical columns.

    Parameters
    ----------
    kind : {"continuous", "binary", "multiclass"}
        Of the target.
    random_state : Any

    Returns
    -------
    encoders : dict of str -> transformer or "drop"
    """
    import category_encoders as ce
    from category_encoders.wrapper import PolynomialWrapper

    counts = make_pipeline(
        ce.CountEncoder(handle_unknown=0, handle_missing="count"),
        FunctionTransformer(_log_counts),
    )
    target = TargetEncoder(target_type=kind, random_state=random_state)
    others = {
        "CatBoostEncoder": ce.CatBoostEncoder(random_state=random_state),
        "JamesSteinEncoder": ce.JamesSteinEncoder(random_state=random_state),
        "MEstimateEncoder": ce.MEstimateEncoder(random_state=random_state),
    }
    if kind == "multiclass":
        others = {name: PolynomialWrapper(one) for name, one in others.items()}
    return {
        "none": "drop",
        "ordinal": OrdinalEncoder(
            handle_unknown="use_encoded_value",
            unknown_value=-1,
            encoded_missing_value=-1,
        ),
        "native": AsCategories(),
        "TargetEncoder": target,
        "TargetEncoder+counts": make_union(clone(target), counts),
        **others,
        "StringEncoder": AsText(random_state),
        "EntityEmbeddingEncoder": EntityEmbeddingEncoder(random_state=random_state),
    }


@dataclass(frozen=True, eq=False, repr=False)
class EncoderComparison:
    """What `compare_encoders` found.

    Parameters
    ----------
    results : DataFrame of shape (n_encoders * n_folds, 7)
        A row an encoder and fold: ``encoder``, ``fold``, ``score``, ``fit_time`` and
        ``transform_time`` (seconds of the encoder alone, transform of the test rows),
        ``n_columns`` and ``error`` (empty if there was none).
    reference : str
        The encoder that the others are compared with.
    test_share : float
        Test rows over training rows, for the intervals.
    level : float, default=0.95
        Of the intervals.

    See Also
    --------
    compare_encoders : Makes one.
    sk_entity.plotting.EncoderComparisonDisplay : Draws it.

    Examples
    --------
    >>> import pandas as pd
    >>> from sk_entity.inspection import EncoderComparison
    >>> results = pd.DataFrame(
    ...     [["none", 0, 0.5], ["none", 1, 0.54], ["new", 0, 0.6], ["new", 1, 0.66]],
    ...     columns=["encoder", "fold", "score"],
    ... ).assign(fit_time=0.1, transform_time=0.1, n_columns=2, error="")
    >>> found = EncoderComparison(results, reference="none", test_share=0.5)
    >>> found.to_frame()["difference"].round(2).to_dict()
    {'new': 0.11, 'none': 0.0}
    """

    results: pd.DataFrame
    reference: str
    test_share: float
    level: float = 0.95

    def to_frame(self) -> pd.DataFrame:
        """Return a row an encoder, the best first, those that failed last.

        Returns
        -------
        frame : DataFrame of shape (n_encoders, 9)
            Index: encoders. Columns: ``score`` and ``std`` over folds; ``difference``
            to the reference, fold by fold, with ``low`` and ``high`` of its confidence
            interval; ``fit_time``, ``transform_time``, ``n_columns`` and ``error``.

        References
        ----------
        C. Nadeau and Y. Bengio (2003), "Inference for the Generalization Error": the
        variance of the mean difference is corrected for training sets that overlap.
        """
        scores = self.results.pivot(index="fold", columns="encoder", values="score")
        rows = {}
        for name, some in self.results.groupby("encoder", sort=False):
            errors = [error for error in some["error"] if error]
            difference = (scores[name] - scores[self.reference]).to_numpy()
            low, high = self._interval(difference)
            rows[name] = {
                "score": scores[name].mean(skipna=False),
                "std": scores[name].std(ddof=1, skipna=False),
                "difference": difference.mean(),
                "low": low,
                "high": high,
                "fit_time": some["fit_time"].median(),
                "transform_time": some["transform_time"].median(),
                "n_columns": some["n_columns"].max(),
                "error": errors[0] if errors else "",
            }
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("encoder")
        return frame.sort_values("score", ascending=False, kind="stable")

    def _interval(self, difference: NDArray[np.float64]) -> tuple[float, float]:
        n = len(difference)
        variance = difference.var(ddof=1) if n > 1 else np.nan
        error = np.sqrt((1 / n + self.test_share) * variance)
        half = stats.t.ppf((1 + self.level) / 2, n - 1) * error if n > 1 else np.nan
        return float(difference.mean() - half), float(difference.mean() + half)

    def __repr__(self) -> str:
        frame = self.to_frame()
        shown = pd.DataFrame(
            {
                "score": _texts(frame["score"], "{:.4f}"),
                "std": _texts(frame["std"], "{:.4f}"),
                f"vs {self.reference}": [
                    "" if np.isnan(d) else f"{d:+.4f} [{low:+.4f}, {high:+.4f}]"
                    for d, low, high in frame[["difference", "low", "high"]].to_numpy()
                ],
                "fit s": _texts(frame["fit_time"], "{:.2f}"),
                "columns": _texts(frame["n_columns"], "{:.0f}"),
                "error": frame["error"].str.slice(0, 60),
            },
            index=frame.index,
        )
        if not frame["error"].any():
            shown = shown.drop(columns="error")
        n_folds = self.results["fold"].nunique()
        return f"EncoderComparison ({n_folds} folds)\n{shown.to_string()}"


def _texts(values: pd.Series, form: str) -> list[str]:
    return ["" if np.isnan(value) else form.format(value) for value in values]


def compare_encoders(
    estimator: Any,
    X: Any,
    y: Any,
    encoders: str | Mapping[str, Any] = "default",
    *,
    cv: Any = 5,
    scoring: Any = None,
    groups: Any = None,
    categorical_features: Any = "from_dtype",
    reference: str = "TargetEncoder",
    n_jobs: int | None = None,
    random_state: Any = 0,
    verbose: int = 0,
) -> EncoderComparison:
    """Score every encoder under your own model and folds.

    Each encoder is fitted on the training rows of each fold, with the model behind it
    in one Pipeline, so that nothing of the test rows is seen.

    Parameters
    ----------
    estimator : classifier or regressor
        Is cloned.
    X : frame of shape (n_rows, n_columns)
        Categorical and numeric columns; numbers pass beside the encoder.
    y : array-like of shape (n_rows,)
        Classes for a classifier, numbers for a regressor.
    encoders : "default" or dict of str -> transformer, default="default"
        Encoders of the categorical columns by name (``"drop"``: no categorical column).
        An :class:`EntityEmbeddingEncoder` gets all columns. ``"default"``: none,
        ordinal codes, categories for the model's own handling, scikit-learn's
        TargetEncoder without and with log-counts, three of category_encoders', skrub's
        StringEncoder (without skrub its row says so), and this package's.
    cv : int, splitter or iterable, default=5
        The same folds for all.
    scoring : str, callable or None, default=None
        As :func:`sklearn.model_selection.cross_val_score` takes it.
    groups : array-like of shape (n_rows,) or None, default=None
        For ``cv``, and for the folds inside EntityEmbeddingEncoder.
    categorical_features : {"from_dtype", "all"}, str, list, mask or callable, \
            default="from_dtype"
        The columns that are encoded, as :class:`EntityEmbeddingEncoder` takes them.
    reference : str, default="TargetEncoder"
        The encoder that the others are compared with; the first one if it is not there.
    n_jobs : int or None, default=None
        Fits at a time.
    random_state : int or None, default=0
        Of the default encoders.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    comparison : EncoderComparison
        An encoder that fails is reported in it, and stops nothing.

    Raises
    ------
    ColumnError
        If ``categorical_features`` names what is not there.
    ImportError
        With ``encoders="default"``, if category_encoders is not installed.
    ValueError
        If y cannot be used, or no encoder is given.

    See Also
    --------
    sk_entity.plotting.EncoderComparisonDisplay : Draws what was found.

    Examples
    --------
    >>> from sklearn.preprocessing import TargetEncoder
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from sk_entity import compare_encoders
    >>> from sk_entity.datasets import make_entities
    >>> data = make_entities(200, random_state=0)
    >>> encoders = {"none": "drop", "TargetEncoder": TargetEncoder(random_state=0)}
    >>> model = DecisionTreeRegressor(max_depth=3, random_state=0)
    >>> found = compare_encoders(model, data.X, data.y, encoders, cv=2)
    >>> found.to_frame().index.tolist()
    ['TargetEncoder', 'none']
    """
    X = X.to_pandas() if hasattr(X, "to_pandas") else pd.DataFrame(X).infer_objects()
    X = X.set_axis(X.columns.astype(str), axis=1)
    y, kind = np.asarray(y), "continuous"
    if is_classifier(estimator):
        kind = check_target(y, len(X)).kind
    else:  # whole numbers, too: encoders must not take them for classes
        y = check_target(y, len(X), kind=kind).values
    schema = read_schema(X, categorical_features)
    columns = [X.columns[i] for i in schema.categorical]
    if isinstance(encoders, str):
        encoders = default_encoders(kind, random_state)
        if not schema.numeric:
            encoders.pop("none")  # nothing would be left
    if not encoders:
        raise ValueError("encoders names no encoder: pass at least one, or 'default'.")
    folds = list(
        check_cv(cv, y, classifier=is_classifier(estimator)).split(X, y, groups)
    )
    scorer = check_scoring(estimator, scoring)
    jobs = [
        (name, encoder, fold, split)
        for name, encoder in encoders.items()
        for fold, split in enumerate(folds)
    ]
    found = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_score)(
            name, encoder, fold, split, estimator, X, y, groups, columns, scorer
        )
        for name, encoder, fold, split in jobs
    )
    if verbose:
        from tqdm.auto import tqdm

        found = tqdm(found, total=len(jobs), unit="fit", desc="compare encoders")
    share = np.mean([len(test) / len(train) for train, test in folds])
    if reference not in encoders:
        reference = next(iter(encoders))
    return EncoderComparison(pd.DataFrame(list(found)), reference, float(share))


def _score(
    name: str,
    encoder: Any,
    fold: int,
    split: tuple[NDArray[np.intp], NDArray[np.intp]],
    estimator: Any,
    X: pd.DataFrame,
    y: NDArray[Any],
    groups: Any,
    columns: list[str],
    scorer: Any,
) -> dict[str, Any]:
    """Fit and score one encoder on one fold; an exception becomes its message."""
    row: dict[str, Any] = {
        "encoder": name,
        "fold": fold,
        "score": np.nan,
        "fit_time": np.nan,
        "transform_time": np.nan,
        "n_columns": np.nan,
        "error": "",
    }
    train, test = split
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            first, params = _first_step(encoder, columns, groups, train)
            start = time.perf_counter()
            # Some encoders align X and y by their indexes, and y has none.
            rows = X.iloc[train].reset_index(drop=True)
            features = first.fit_transform(rows, y[train], **params)
            row["fit_time"] = time.perf_counter() - start
            row["n_columns"] = features.shape[1]
            model = clone(estimator).fit(features, y[train])
            start = time.perf_counter()
            first.transform(X.iloc[test])
            row["transform_time"] = time.perf_counter() - start
            pipeline = Pipeline([("encoder", first), ("estimator", model)])
            row["score"] = scorer(pipeline, X.iloc[test], y[test])
    except Exception as error:  # one failing encoder is reported, not fatal
        row["error"] = f"{type(error).__name__}: {error}"
    return row


def _first_step(
    encoder: Any, columns: list[str], groups: Any, train: NDArray[np.intp]
) -> tuple[Any, dict[str, Any]]:
    """Return the transformer of all columns, and what its fit needs."""
    if isinstance(encoder, EntityEmbeddingEncoder):
        own = clone(encoder).set_params(categorical_features=columns)
        params = {} if groups is None else {"groups": np.asarray(groups)[train]}
        return own, params
    encoder = encoder if isinstance(encoder, str) else clone(encoder)
    beside = make_column_transformer(
        (encoder, columns), remainder="passthrough", verbose_feature_names_out=False
    )
    if isinstance(encoder, str) or hasattr(encoder, "set_output"):
        beside.set_output(transform="pandas")
    return beside, {}
