"""What multi-valued cells, subwords and crosses are worth on real data.

LightGBM on the encoder's features, with and without::

    python benchmarks/wild.py --data FOLDER --seeds 40,41,42

For subwords a quarter of the titles of employee_salaries is kept from training, and the
score is that of the rows with these titles.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from models import fit_predict
from tasks import read_tasks

from sk_entity import EntityEmbeddingEncoder

COMPARISONS = {
    "movielens_100k": [
        {},
        {"multivalued": {"genres": "|"}},
    ],
    "employee_salaries": [
        {},
        {"subwords": ["employee_position_title"]},
        {"subwords": ["employee_position_title", "division"]},
    ],
    "nycflights13": [
        {"crosses": None},
        {"crosses": "auto"},
        {"crosses": [("carrier", "origin"), ("origin", "dest"), ("carrier", "dest")]},
    ],
}


def split_by_title(task, seed):
    """Split rows so that no title is both in training and in test rows."""
    train, test = task.split(seed)
    X = pd.concat([train.X, test.X])
    y = np.concatenate([train.y, test.y])
    title = X["employee_position_title"].fillna("none").to_numpy()
    titles = np.unique(title)
    held = np.random.default_rng(seed).permutation(titles)[: len(titles) // 4]
    out = np.isin(title, held)
    return X[~out], y[~out], X[out], y[out]


def score(folder, name, params, seed):
    (task,) = read_tasks(folder, [name])
    train, test = task.split(seed)
    if name == "employee_salaries":
        X, y, X_test, y_test = split_by_title(task, seed)
        train = train.__class__(X=X, y=y, params={})
        test = test.__class__(X=X_test, y=y_test, params={})
    encoder = EntityEmbeddingEncoder(task.categorical, random_state=seed, **params)
    features = encoder.fit_transform(train.X, train.y, **train.params)
    prediction = fit_predict(
        "lightgbm", 0, task, seed, features, train, encoder.transform(test.X)
    )
    return task.score(test, prediction)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", default="40,41,42")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    print("| task | encoder | score | by seed |\n|---|---|--:|---|")
    for name, variants in COMPARISONS.items():
        for params in variants:
            found = Parallel(options.jobs)(
                delayed(score)(options.data, name, params, seed) for seed in seeds
            )
            each = ", ".join(f"{value:.4f}" for value in found)
            shown = ", ".join(f"{k}={v!r}" for k, v in params.items()) or "defaults"
            print(f"| {name} | `{shown}` | {np.mean(found):.4f} | {each} |", flush=True)


if __name__ == "__main__":
    main()
