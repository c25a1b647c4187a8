"""What is found of planted latent factors, and what columns of noise cost.

::

    python benchmarks/planted.py
    python benchmarks/planted.py --noise 20

The first generates `make_latent_factors` (100,000 training rows) and prints R2 of
LightGBM on test rows: with the encoder's features, with the vectors alone, and with the
true factors in their place. Then, for each factor of the columns that carry signal,
with which R2 it is a linear function of the learned vectors, categories weighted by
their rows; beside it what an oracle reads off that knows all other columns' factors:
nobody can know more of a category than its rows say.

The second generates so many frames of noise (1 to 30 columns of 2 to 5,000 values, and
six numbers of which the target is made), and prints R2 of LightGBM on test rows without
these columns, with their features, and with a plain normal column in place of each.
"""

import argparse
import re

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor
from sklearn.linear_model import LinearRegression

from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import make_latent_factors

TRAIN, TEST, NUMBERS = 100_000, 30_000, 6
#: What each factor of a category is multiplied by in the score.
FACTORS = ("product", "slope", "level")


def r2_of_trees(X, y, n_train, seed):
    """Return R2 of LightGBM on the rows after the first ``n_train``."""
    model = LGBMRegressor(
        n_estimators=300,
        learning_rate=0.05,
        random_state=seed,
        n_jobs=1,
        verbose=-1,
    )
    X = np.asarray(X, dtype=float)
    return model.fit(X[:n_train], y[:n_train]).score(X[n_train:], y[n_train:])


def encoded(X, y, n_train, seed, **parameters):
    """Return cross-fitted features of the first rows, and those of the others."""
    encoder = EntityEmbeddingEncoder(random_state=seed, **parameters)
    first = encoder.fit_transform(X.iloc[:n_train], y[:n_train])
    return encoder, np.vstack([first, encoder.transform(X.iloc[n_train:])])


def share_of(data, column):
    """Return a column's factors by row, and what each is multiplied by."""
    informative, frame = data.informative, data.X
    true = {c: data.vectors[c].loc[frame[c]].to_numpy() for c in informative}
    j = informative.index(column)
    beside = informative[max(j - 1, 0) : j] + informative[j + 1 : j + 2]
    partner = sum(true[c][:, 0] for c in beside)
    slope = frame[f"z_{j % 3}"].to_numpy()
    return true[column], np.column_stack([partner, slope, np.ones(len(frame))])


def oracle(data, column, n_train):
    """Return posterior means of a column's factors, everything else known."""
    shares = {}
    for c in data.informative:
        true, times = share_of(data, c)
        # A product belongs to two columns.
        shares[c] = true * times * [0.5, 1, 1]
    score = sum(share.sum(axis=1) for share in shares.values())
    noise = data.y * score.std() - score
    own, times = share_of(data, column)
    seen = (own * times).sum(axis=1) + noise
    found = {}
    for value, rows in data.X[:n_train].groupby(column).indices.items():
        some = times[rows] / noise.std()
        precision = some.T @ some + np.eye(len(FACTORS))
        found[value] = np.linalg.solve(precision, some.T @ (seen[rows] / noise.std()))
    return pd.DataFrame.from_dict(found, orient="index", columns=FACTORS)


def read_off(vectors, factors, weight):
    """Return with which R2 each factor is a linear function of vectors."""
    model = LinearRegression().fit(vectors, factors, sample_weight=weight)
    left = factors - model.predict(vectors)
    mean = np.average(factors, axis=0, weights=weight)
    total = np.average((factors - mean) ** 2, axis=0, weights=weight)
    return 1 - np.average(left**2, axis=0, weights=weight) / total


def planted(seed):
    """Print what is found of one generated set."""
    data = make_latent_factors(TRAIN + TEST, random_state=seed)
    true = [share_of(data, c)[0] for c in data.informative]
    numbers = data.X.select_dtypes("number").to_numpy()
    best = r2_of_trees(np.hstack([*true, numbers]), data.y, TRAIN, seed)
    encoder, features = encoded(data.X, data.y, TRAIN, seed)
    names, tables = encoder.get_feature_names_out(), encoder.embeddings_
    bare = [k for k, n in enumerate(names) if re.fullmatch(r"entity_\d_\d\d|z_\d", n)]
    print(
        f"R2 of LightGBM, seed {seed}: {r2_of_trees(features, data.y, TRAIN, seed):.3f}"
        f" all features, {r2_of_trees(features[:, bare], data.y, TRAIN, seed):.3f}"
        f" vectors alone, {best:.3f} true factors"
    )
    for column in data.informative:
        counts = data.X[column][:TRAIN].value_counts()
        factors = data.vectors[column].loc[counts.index].to_numpy()
        table = tables[column].look_up(counts.index.to_numpy())
        known = oracle(data, column, TRAIN).loc[counts.index].to_numpy()
        found = read_off(table, factors, counts.to_numpy())
        bound = read_off(known, factors, counts.to_numpy())
        print(
            f"  {column} ({len(counts)} categories, {table.shape[1]} coordinates): "
            + ", ".join(
                f"{name} {a:.2f} (oracle {b:.2f})"
                for name, a, b in zip(FACTORS, found, bound, strict=True)
            )
        )


def noise_frame(seed):
    """Generate columns of noise, and numbers of which a target is made."""
    rng = np.random.default_rng(seed)
    n_columns = int(rng.integers(1, 31))
    n_rows = int(rng.integers(3_000, 20_000))
    sizes = np.exp(rng.uniform(np.log(2), np.log(5000), n_columns)).astype(int)
    numbers = rng.normal(size=(n_rows, NUMBERS))
    y = numbers @ rng.normal(size=NUMBERS) + numbers[:, 0] * numbers[:, 1]
    y = y / y.std() + rng.normal(size=n_rows)
    frame = pd.DataFrame(numbers, columns=[f"z_{i}" for i in range(NUMBERS)])
    for j, size in enumerate(sizes):
        codes = rng.integers(size, size=n_rows)
        frame[f"noise_{j}"] = np.char.add("v", codes.astype(str)).astype(object)
    return frame, y


def noise(n_frames, first):
    """Print what columns of noise cost."""
    found = []
    for seed in range(first, first + n_frames):
        X, y = noise_frame(seed)
        numbers = X.select_dtypes("number")
        n_train, n_noise = int(0.7 * len(y)), X.shape[1] - NUMBERS
        normal = np.random.default_rng([seed, 1]).normal(size=(len(y), n_noise))
        _, features = encoded(X, y, n_train, seed)
        without, ours, plain = (
            r2_of_trees(some, y, n_train, seed)
            for some in (numbers, features, np.hstack([numbers, normal]))
        )
        found.append((ours - without, plain - without))
        print(
            f"  {n_noise:2d} columns, {n_train:6,} rows: {without:.4f} without, "
            "{:+.4f} with their features, {:+.4f} with normal ones".format(*found[-1])
        )
    told = "{:+.4f} with their features, {:+.4f} with normal ones"
    print(f"{n_frames} frames, mean:", told.format(*np.mean(found, axis=0)))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--noise", type=int, help="how many frames of noise instead")
    parser.add_argument("--seeds", type=int, default=2, help="how many planted sets")
    parser.add_argument("--first", type=int, default=950, help="the first seed")
    options = parser.parse_args()
    if options.noise:
        noise(options.noise, options.first)
        return
    for seed in range(options.first, options.first + options.seeds):
        planted(seed)


if __name__ == "__main__":
    main()
