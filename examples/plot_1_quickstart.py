"""
Quickstart: does the embedding help?
====================================

Ratings of films by users: two columns of hundreds and thousands of categories.
LightGBM gets these columns in six ways; everything is cross-validated. The picture
shows the scores, and the map that the encoder learned: the films with most ratings.

Your own data: ``--data FILE.parquet --target COLUMN``.
"""

# %%
import argparse
import time
import warnings
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, TargetEncoder
from sklearn.utils.multiclass import type_of_target

from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import load_movielens
from sk_entity.plotting import EmbeddingMapDisplay


class Categorize(TransformerMixin, BaseEstimator):
    """Category dtypes with the levels of the training rows, for LightGBM itself."""

    def fit(self, X, y=None):
        strings = X.select_dtypes(["object", "string", "category"])
        self.levels_ = {c: X[c].dropna().unique() for c in strings}
        return self

    def transform(self, X):
        known = {c: X[c].where(X[c].isin(v)) for c, v in self.levels_.items()}
        dtypes = {c: pd.CategoricalDtype(v) for c, v in self.levels_.items()}
        return X.assign(**known).astype(dtypes)


def candidates(seed):
    """Return the six ways to hand the columns to the model."""
    strings = make_column_selector(dtype_include=["object", "string", "category"])

    def only_strings(encoder):
        columns = make_column_transformer((encoder, strings), remainder="passthrough")
        return columns.set_output(transform="pandas")

    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return {
        "no categories": only_strings("drop"),
        "ordinal codes": only_strings(ordinal),
        "LightGBM native": Categorize(),
        "TargetEncoder": only_strings(TargetEncoder()),
        "embeddings, cv=None": EntityEmbeddingEncoder(cv=None, random_state=seed),
        "embeddings": EntityEmbeddingEncoder(random_state=seed),
    }


def compare(X, y, *, folds=3, seed=0):
    """Cross-validate each candidate with LightGBM.

    Return scores and seconds, the metric's name, and the last fitted encoder.
    """
    continuous = type_of_target(y) == "continuous"
    settings = {"n_estimators": 300, "learning_rate": 0.05, "num_leaves": 31}
    booster = LGBMRegressor if continuous else LGBMClassifier
    model = booster(**settings, random_state=seed, verbose=-1)
    name = "r2" if continuous else "roc_auc" if len(set(y)) == 2 else "neg_log_loss"
    splitter = (KFold if continuous else StratifiedKFold)(
        folds, shuffle=True, random_state=seed
    )
    rows = []
    print(f"{len(X):,} rows; {name} of {folds} folds; LightGBM {settings}")
    for label, encoder in candidates(seed).items():
        for train, test in splitter.split(X, y):
            # As a Pipeline does, whose two steps are timed.
            pipeline = make_pipeline(clone(encoder), clone(model))
            start = time.perf_counter()
            features = pipeline[0].fit_transform(X.iloc[train], y[train])
            encoded = time.perf_counter()
            pipeline[1].fit(features, y[train])
            fitted = time.perf_counter()
            score = get_scorer(name)(pipeline, X.iloc[test], y[test])
            times = {"encoding": encoded - start, "model": fitted - encoded}
            rows.append({"encoder": label, "score": score} | times)
        mine = pd.DataFrame(rows).query("encoder == @label")
        print(
            f"  {label:<20} {mine.score.mean():.4f} +- {mine.score.std():.4f}"
            f"   encoding {mine.encoding.mean():5.1f} s"
            f"   LightGBM {mine.model.mean():5.1f} s",
            flush=True,
        )
    return pd.DataFrame(rows), name, pipeline[0]


# %%
# One picture: the scores, and a map of the widest column; on light and on dark.


def picture(results, metric, encoder):
    fig, (left, right) = plt.subplots(
        1, 2, figsize=(14, 6.5), width_ratios=[1, 1.7], layout="constrained"
    )
    labels = list(dict.fromkeys(results.encoder))[::-1]
    for i, label in enumerate(labels):
        scores = results.query("encoder == @label").score
        color = "#d55e00" if label == "embeddings" else "#0072b2"
        left.plot(scores, [i] * len(scores), "o", color=color, alpha=0.5)
        left.plot(scores.mean(), i, "|", color=color, markersize=24, markeredgewidth=3)
    left.set_yticks(range(len(labels)), labels)
    left.set_xlabel(f"{metric} (each fold, and the mean)")
    left.set_title("LightGBM with each encoding")
    left.grid(axis="x", alpha=0.3)

    table = max(encoder.embeddings_.values(), key=len)
    EmbeddingMapDisplay.from_encoder(table, table.name, ax=right)
    right.set_title(f"What it learned: {right.get_title()}")
    return fig


# %%


def read(path, target):
    data = pd.read_parquet(path).dropna(subset=[target])
    y = data.pop(target)
    return data, y.to_numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="a Parquet file of your own")
    parser.add_argument("--target", help="its target column")
    parser.add_argument("--save", default="quickstart.png", help="the picture's file")
    options, _ = parser.parse_known_args()  # sphinx-gallery passes its own
    if options.data and not options.target:
        parser.error("--data needs --target COLUMN")
    if options.data:
        X, y = read(options.data, options.target)
    else:
        data = load_movielens()
        X, y = data.X, data.y
    # scikit-learn hands LightGBM arrays without names; it says so on every fit.
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    results, metric, encoder = compare(X, y)
    path = Path(options.save)
    for style, end in (("default", ""), ("dark_background", "_dark")):
        with plt.style.context(style):
            figure = picture(results, metric, encoder)
            file = path.with_stem(path.stem + end)
            figure.savefig(file, dpi=80)
            print(f"Saved {file}")


if __name__ == "__main__":
    main()
