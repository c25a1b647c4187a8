"""The encoders that the benchmarks compare, by name."""

import ast
import os
import re

import category_encoders as ce
import numpy as np
from category_encoders.wrapper import PolynomialWrapper
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    TargetEncoder,
)
from skrub import ApplyToCols, StringEncoder
from tabprep import TabPrep

from sk_entity import EntityEmbeddingEncoder

ENCODERS = (
    "none",
    "random",
    "ordinal",
    "onehot",
    "native",
    "target",
    "target_counts",
    "catboost_encoder",
    "james_stein",
    "glmm",
    "skrub_string",
    "catboost",
    "embedding(cv=None)",
    "embedding",
)
#: One-hot columns that still fit.
MOST_ONE_HOT = 3000
#: GLMMEncoder fits a mixed model a column, in minutes beyond this.
GLMM_ROWS, GLMM_CATEGORIES = 40_000, 800
#: TargetEncoder would take whole numbers, such as ratings, for classes.
TARGET_TYPES = {"regression": "continuous", "poisson": "continuous"}


class NotRun(Exception):
    """The encoder is not run on the task, for the reason given."""


class RandomVectors(TransformerMixin, BaseEstimator):
    """Untrained vectors: a booster can use them as identifiers. A bar, not a rival."""

    def __init__(self, random_state=0):
        self.random_state = random_state

    def fit(self, X, y=None):
        self.codes_ = _ordinal().fit(X)
        rng = np.random.default_rng(self.random_state)
        sizes = [len(values) for values in self.codes_.categories_]
        # The widths of embedding_dim="auto", before it looks at the rows a category.
        dims = [max(1, min(8, round(n**0.25))) for n in sizes]
        self.tables_ = [
            rng.normal(size=(n + 1, dim)) for n, dim in zip(sizes, dims, strict=True)
        ]
        return self

    def transform(self, X):
        codes = self.codes_.transform(X).astype(int)
        return np.hstack([t[codes[:, j]] for j, t in enumerate(self.tables_)])


def make_encoder(name, task, train, seed):
    """Return an unfitted encoder whose output has the numeric columns last.

    ``"embedding(cv=None, embedding_dim=2)"`` sets parameters of
    EntityEmbeddingEncoder.
    """
    if name.startswith("embedding"):
        return EntityEmbeddingEncoder(
            task.categorical, random_state=seed, **_parameters(name)
        )
    if name == "tabprep":
        if not os.environ.get("TABPREP_PYTHON"):
            raise NotRun("TABPREP_PYTHON names no Python with autogluon.features")
        return TabPrep(os.environ["TABPREP_PYTHON"], task.categorical, task.kind)
    columns = _category_encoder(name, task, train, seed)
    return make_column_transformer(
        (columns, task.categorical),
        remainder="passthrough",
        verbose_feature_names_out=False,
    )


def fit_params(name, params):
    """Of sample_weight and groups, what the encoder can use."""
    if name.startswith("embedding"):
        return params
    return {}


def _parameters(name):
    inside = re.fullmatch(r"embedding(?:\((.*)\))?", name).group(1)
    call = ast.parse(f"f({inside or ''})", mode="eval").body
    return {k.arg: ast.literal_eval(k.value) for k in call.keywords}


def _category_encoder(name, task, train, seed):
    X = train.X[task.categorical]
    if name == "none":
        return "drop"
    if name == "random":
        return RandomVectors(seed)
    if name in ("ordinal", "native", "catboost"):
        return _ordinal()
    if name == "skrub_string":
        return ApplyToCols(StringEncoder(random_state=seed))
    if name == "onehot":
        if X.nunique().sum() > MOST_ONE_HOT:
            raise NotRun(f"more than {MOST_ONE_HOT} columns")
        return OneHotEncoder(
            handle_unknown="ignore", sparse_output=False, dtype=np.float32
        )
    target_encoder = TargetEncoder(
        target_type=TARGET_TYPES.get(task.kind, task.kind), cv=_folds(train)
    )
    if name == "target":
        return target_encoder
    if name == "target_counts":
        counts = make_pipeline(
            ce.CountEncoder(handle_unknown=0, handle_missing="count"),
            FunctionTransformer(np.log1p),
        )
        return make_union(target_encoder, counts)
    if name == "glmm" and (len(X) > GLMM_ROWS or X.nunique().max() > GLMM_CATEGORIES):
        raise NotRun(f"beyond {GLMM_ROWS} rows or {GLMM_CATEGORIES} categories")
    encoder = {
        "catboost_encoder": lambda: ce.CatBoostEncoder(random_state=seed),
        "james_stein": lambda: ce.JamesSteinEncoder(random_state=seed),
        "glmm": lambda: ce.GLMMEncoder(
            random_state=seed, binomial_target=task.kind == "binary"
        ),
    }[name]()
    return PolynomialWrapper(encoder) if task.kind == "multiclass" else encoder


def _folds(train):
    """Folds of TargetEncoder: by group where the task has groups, as ours are."""
    groups = train.params.get("groups")
    if groups is None:
        return 5
    folds = GroupKFold(5, shuffle=True, random_state=0)
    return list(folds.split(train.X, groups=groups))


def _ordinal():
    return OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1
    )
