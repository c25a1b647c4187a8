"""Fit, on workers with a memory limit, a Parquet folder that no worker can hold.

::

    python benchmarks/dask_memory.py --rows 30000000 --memory-limit 1.5GiB

Writes the folder piece by piece, prints what its rows take as pandas holds them, and
fits, transforms and scores it on workers (nannies) with the limit. Memory is the
resident memory of a worker's process, looked at ten times a second.
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path

import dask.dataframe as dd
import numpy as np
import pandas as pd
import psutil
from distributed import Client, LocalCluster, WorkerPlugin
from report import to_markdown
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from sk_entity.dask import DaskEntityEmbeddingEncoder

SIZES = (200_000, 20_000, 300)
TEST = 200_000


def write(folder, n_rows, n_parts):
    """Write the parts, and rows of a test part; return bytes in memory and the test."""
    rng = np.random.default_rng(0)
    vectors = [rng.normal(size=(n, 2)) for n in SIZES]

    def rows(n, seed):
        chance = np.random.default_rng([1, seed])
        z = chance.normal(size=(n, 2))
        frame, y = pd.DataFrame({"z_0": z[:, 0], "z_1": z[:, 1]}), 0
        for j, (size, true) in enumerate(zip(SIZES, vectors, strict=True)):
            codes = (size * chance.random(n) ** 2).astype(int)
            names = pd.Index([f"entity_{j}_{i:07d}" for i in range(size)], dtype="str")
            frame[f"entity_{j}"] = names.take(codes)
            y = y + true[codes, 0] + true[codes, 1] * z[:, 0]
        return frame.assign(y=y + 2 * chance.normal(size=n))

    size = 0
    for part in range(n_parts):
        frame = rows(n_rows // n_parts, part)
        size += int(frame.memory_usage(deep=True, index=False).sum())
        frame.to_parquet(folder / f"part_{part:04d}.parquet")
    return size, rows(TEST, n_parts)


class Watch(WorkerPlugin):
    """The largest resident memory of each worker's process since it was asked."""

    def setup(self, worker):
        self.peak, self.process = 0, psutil.Process()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self):
        while True:
            self.peak = max(self.peak, self.process.memory_info().rss)
            time.sleep(0.1)


def peak_since(dask_worker):
    """Return the largest memory since the last call, on a worker."""
    watch = dask_worker.plugins["watch"]
    found, watch.peak = watch.peak, 0
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=30_000_000)
    parser.add_argument("--partitions", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory-limit", default="1.5GiB", help="of a worker")
    parser.add_argument("--folder", type=Path, help="keep the Parquet files there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(exist_ok=True)
        size, test = write(folder, options.rows, options.partitions)
        print(f"{options.rows:,} rows: {size / 1e9:.2f} GB in memory", flush=True)
        table = fit(folder, test, options)
    print(to_markdown(table, f"{options.workers} workers of {options.memory_limit}"))


def fit(folder, test, options):
    """Return seconds, peak memory and what it was worth, by stage."""
    rows = {}
    with (
        LocalCluster(
            n_workers=options.workers,
            threads_per_worker=1,
            dashboard_address=":0",
            memory_limit=options.memory_limit,
        ) as cluster,
        Client(cluster) as client,
    ):
        client.register_plugin(Watch(), name="watch")
        frame = dd.read_parquet(folder)
        X, y = frame.drop(columns="y"), frame["y"]

        def stage(name, task):
            client.run(peak_since)
            start = time.perf_counter()
            found = task()
            peaks = client.run(peak_since).values()
            rows[name] = {
                "seconds": f"{time.perf_counter() - start:.0f}",
                "peak MB of a worker": f"{max(peaks) / 1e6:.0f}",
            }
            print(name, rows[name], flush=True)
            return found

        encoder = DaskEntityEmbeddingEncoder(random_state=0, client=client)
        lazy = stage("fit", lambda: encoder.fit_transform(X, y))
        mean = stage("features of all rows", lambda: lazy.mean().compute())
        assert np.isfinite(mean).all()
        stage("transform of all rows", lambda: encoder.transform(X).mean().compute())
        own = lazy.partitions[0].compute()
        local = encoder.to_local().set_output(transform="pandas")
    model = LinearRegression().fit(own, pd.read_parquet(sorted(folder.iterdir())[0]).y)
    found = r2_score(test["y"], model.predict(local.transform(test.drop(columns="y"))))
    print(f"R2 of a linear model on {len(test):,} further rows: {found:.3f}")
    return pd.DataFrame.from_dict(rows, orient="index")


if __name__ == "__main__":
    main()
