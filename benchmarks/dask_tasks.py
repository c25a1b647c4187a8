"""Real data on Dask clusters of 1, 2 and 4 workers, beside fits in memory.

::

    python benchmarks/dask_tasks.py --data FOLDER --tasks nycflights13
    python benchmarks/dask_tasks.py --data FOLDER --workers 1 --random --seeds 10

For each task (`tasks.py`) and seed: the score of LightGBM on test rows with the
features of each, and whether vocabularies and counts of the clusters are those of
memory. Folds are random in all (``cv=5``): on a cluster, nobody asks whether rows are
in order. With ``--shuffle``, rows are also learned in memory in an order of their own
for each seed, as the clusters take them: it is part of what a seed changes there.
"""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

import dask.dataframe as dd
import numpy as np
import pandas as pd
from distributed import Client, LocalCluster
from models import fit_predict
from report import to_markdown
from tasks import read_tasks

from sk_entity import EntityEmbeddingEncoder
from sk_entity.dask import DaskEntityEmbeddingEncoder


def in_memory(task, train, test, seed, shuffle=False):
    """Return the encoder, and features of both parts."""
    encoder = EntityEmbeddingEncoder(task.categorical, cv=5, random_state=seed)
    encoder.set_output(transform="pandas")
    order = np.arange(len(train.X))
    if shuffle:
        order = np.random.default_rng(seed).permutation(order)
    features = encoder.fit_transform(train.X.iloc[order], train.y[order])
    return encoder, features.iloc[np.argsort(order)], encoder.transform(test.X)


def on_cluster(task, train, test, seed, n_workers, partitions):
    """Return the same of a fit on a cluster."""
    rows = train.X.assign(target=train.y)
    with (
        LocalCluster(
            n_workers=n_workers, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        lazy = dd.from_pandas(rows, npartitions=partitions)
        encoder = DaskEntityEmbeddingEncoder(
            task.categorical, cv=5, random_state=seed, client=client
        )
        features = encoder.fit_transform(lazy[list(train.X)], lazy["target"]).compute()
    return encoder, features, encoder.transform(test.X)


def run(task, seed, options):
    """Return a row a fit: score, and whether counts are equal."""
    train, test = task.split(seed, options.train_rows)
    fits = {"in memory": partial(in_memory, task, train, test, seed)}
    if options.shuffle:
        fits["in memory, shuffled"] = partial(fits["in memory"], shuffle=True)
    for n in options.workers:
        given = (task, train, test, seed, n, options.partitions)
        fits[f"{n} workers"] = partial(on_cluster, *given)
    counts, rows = {}, []
    for name, fit in fits.items():
        encoder, features, new = fit()
        own = {c: t.to_frame()["count"] for c, t in encoder.embeddings_.items()}
        counts = counts or own
        predicted = fit_predict(
            "lightgbm", 0, task, seed, np.asarray(features), train, np.asarray(new)
        )
        rows.append(
            {
                "task": task.name,
                "fit": name,
                "seed": seed,
                "score": task.score(test, predicted),
                "counts are equal": all(own[c].equals(counts[c]) for c in counts),
            }
        )
        print(rows[-1], flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder")
    parser.add_argument("--tasks", default="nycflights13")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--train-rows", type=int)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--workers", default=[1, 2, 4], type=_numbers)
    parser.add_argument("--shuffle", action="store_true", help="as above")
    parser.add_argument(
        "--random", action="store_true", help="random test rows, whatever the task says"
    )
    options = parser.parse_args()
    rows = []
    for task in read_tasks(options.data, options.tasks.split(",")):
        if options.random:
            task = replace(task, spec=task.spec | {"split": "random"})
        for seed in range(options.first, options.first + options.seeds):
            rows += run(task, seed, options)
    table = pd.DataFrame(rows).groupby(["task", "fit"], sort=False)
    told = table["score"].agg(["mean", "std"]).map("{:.4f}".format)
    told["counts are equal"] = table["counts are equal"].all()
    told.index = [", ".join(name) for name in told.index]
    print(to_markdown(told.astype(str), "task, fit"))


def _numbers(text):
    return [int(n) for n in text.split(",")]


if __name__ == "__main__":
    main()
