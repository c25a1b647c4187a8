"""Whether the score depends on what is left over for the last batch of an epoch.

::

    python benchmarks/row_counts.py

Steps are taken by 2,048 rows at most. R2 of LightGBM on 30,000 new rows, on the
features of as many rows as 34 batches hold, and of a few more, which make a 35th.
"""

import argparse

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor
from report import to_markdown

from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import make_entities

WHOLE, NEW = 34 * 2048, 30_000
MORE = {"0": 0, "1": 1, "4": 4, "64": 64, "1,024": 1024}


def scores(seed):
    """Return R2 by the number of rows in excess."""
    most = WHOLE + max(MORE.values())
    data = make_entities(most + NEW, n_categories=(5000, 300, 40), random_state=seed)
    X, y, found = data.X, np.asarray(data.y), {}
    for name, more in MORE.items():
        rows = slice(WHOLE + more)
        encoder = EntityEmbeddingEncoder(random_state=seed)
        features = encoder.fit_transform(X[rows], y[rows])
        booster = LGBMRegressor(n_jobs=1, verbose=-1)
        booster.fit(np.asarray(features), y[rows])
        found[name] = booster.score(np.asarray(encoder.transform(X[most:])), y[most:])
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--first", type=int, default=50, help="the first seed")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    table = pd.DataFrame([scores(seed) for seed in seeds])
    told = table.agg(["mean", "std"]).T.map("{:.4f}".format)
    print(to_markdown(told, "rows in excess"))


if __name__ == "__main__":
    main()
