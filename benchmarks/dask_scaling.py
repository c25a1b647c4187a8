"""Time and bytes of a fit on a Dask cluster of this machine, against its workers.

    python benchmarks/dask_scaling.py --rows 400000 --workers 1,2,4

Three tables:

- a fit, its score, and the largest memory of a worker, by the number of workers;
- what a step exchanges, by the size of the tables: rows of the batch, whatever the
  tables hold; beside it what gradients of the rows that a batch touches would be, and
  of all rows;
- how long both take between two processes.

Times are of one machine, on which workers share the cores: they say what the exchange
costs, not what more machines bring.
"""

import argparse
import os
import time

import dask.dataframe as dd
import numpy as np
import pandas as pd
import psutil
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from distributed import Client, LocalCluster
from report import to_markdown
from sklearn.linear_model import LinearRegression

from sk_entity import EntityEmbeddingEncoder
from sk_entity.dask import DaskEntityEmbeddingEncoder
from sk_entity.datasets import make_entities

BATCH, N_TABLES, TEST = 2048, 6, 20_000


def memory(dask_worker):
    """Largest resident memory of a worker's process, in bytes."""
    info = psutil.Process().memory_info()
    return getattr(info, "peak_wset", info.rss)


def fits(options):
    """Fit with each number of workers; return a row each."""
    sizes = (options.categories, options.categories // 10, 50)
    n = options.rows
    data = make_entities(n + TEST, n_categories=sizes, noise=0.5, random_state=0)
    columns, every = list(data.X), data.X.assign(y=data.y)
    train, test = every[:n], every[n:]
    rows = {}
    start = time.perf_counter()
    plain = EntityEmbeddingEncoder(random_state=0).set_output(transform="pandas")
    features = plain.fit_transform(train[columns], train["y"])
    rows["in memory"] = {
        "seconds": time.perf_counter() - start,
        "R2": score(features, train, plain.transform(test[columns]), test),
        "peak MB a worker": np.nan,
    }
    for n in options.workers:
        with (
            LocalCluster(
                n_workers=n,
                threads_per_worker=1,
                dashboard_address=":0",
                memory_limit=options.memory_limit,
            ) as cluster,
            Client(cluster) as client,
        ):
            lazy = dd.from_pandas(train, npartitions=options.partitions)
            encoder = DaskEntityEmbeddingEncoder(random_state=0, client=client)
            start = time.perf_counter()
            features = encoder.fit_transform(lazy[columns], lazy["y"])
            seconds = time.perf_counter() - start
            peak = max(client.run(memory).values())
            own = features.compute()
        rows[f"{n} workers"] = {
            "seconds": seconds,
            "R2": score(own, train, encoder.transform(test[columns]), test),
            "peak MB a worker": peak / 1e6,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def score(features, train, test_features, test):
    fitted = LinearRegression().fit(features, train["y"])
    return fitted.score(test_features, test["y"])


def exchanged():
    """Bytes of a step by the size of ten tables of four coordinates."""
    rng, rows = np.random.default_rng(0), {}
    row = 4 * (10 + 5 + 4)  # codes, numbers; table, target, weight and a spare
    for n_codes in (100, 10_000, 1_000_000, 100_000_000):
        touched = sum(
            len(np.unique(rng.integers(n_codes, size=BATCH))) for _ in range(10)
        )
        width = 4 * 4 * N_TABLES
        rows[f"{n_codes:,} categories"] = {
            "rows of the batch": BATCH * row / 1e6,
            "gradients of touched rows": touched * width / 1e6,
            "gradients of all rows": 10 * n_codes * width / 1e6,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _time(rank, size, queue):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29511")
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=size)
    chunk = torch.zeros(32 * BATCH // size * 19, dtype=torch.int32)
    found = [torch.empty_like(chunk) for _ in range(size)]
    gradient = torch.zeros(BATCH * 10 * 4 * N_TABLES)

    def seconds(task, n):
        task()
        start = time.perf_counter()
        for _ in range(n):
            task()
        return (time.perf_counter() - start) / n

    rows = seconds(lambda: dist.all_gather(found, chunk), 10) / 32
    gradients = seconds(lambda: dist.all_reduce(gradient), 20)
    if rank == 0:
        queue.put((1e3 * rows, 1e3 * gradients))
    dist.destroy_process_group()


def times(workers):
    """Milliseconds of a step's exchange between processes of this machine."""
    rows = {}
    for size in workers:
        if size == 1:
            continue
        queue = mp.get_context("spawn").SimpleQueue()
        mp.spawn(_time, (size, queue), nprocs=size)
        of_rows, gradients = queue.get()
        rows[f"{size} processes"] = {
            "all_gather of rows": of_rows,
            "all_reduce of gradients": gradients,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def show(table, name, digits):
    cells = table.map(lambda x: "-" if np.isnan(x) else f"{x:.{digits}f}")
    print(to_markdown(cells, name), "\n", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--categories", type=int, default=20_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--memory-limit", default="2GiB", help="of a worker")
    parser.add_argument(
        "--workers",
        type=lambda text: [int(n) for n in text.split(",")],
        default=[1, 2, 4],
    )
    options = parser.parse_args()
    show(exchanged(), "MB a step", 2)
    show(times(options.workers), "ms a step", 2)
    show(fits(options), "fit", 3)


if __name__ == "__main__":
    main()
