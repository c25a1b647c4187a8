"""Peak memory of ``fit_stream`` while the file grows tenfold, beside ``fit``.

Each fit runs in a process of its own, one epoch. The cross of the two largest columns
is named, for its cells are what grows with the rows::

    python benchmarks/streaming.py --rows 1_000_000
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from speed import encoder, make_data, peak_memory, resident_memory

SIZES = (100_000, 10_000, 1000, 100, 7)
#: Rows of a row group of the file.
GROUP = 100_000


def write(path, n_rows):
    """Write generated rows, a row group at a time."""
    writer = None
    for start in range(0, n_rows, GROUP):
        n_group = min(GROUP, n_rows - start)
        X, y = make_data(n_group, SIZES, seed=start, dtype="str")
        table = pa.Table.from_pandas(X.assign(y=y), preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def fit(way, path):
    """Fit in this process and print seconds and memory."""
    import sk_entity._learning.trainer  # noqa: F401  imports are not what is measured

    before, start = resident_memory(), time.perf_counter()
    fitted = encoder(max_epochs=1, crosses=[("c0", "c1")])
    if way == "fit_stream":
        fitted.fit_stream(path, "y")
    else:
        frame = pq.read_table(path).to_pandas()
        fitted.fit(frame.drop(columns="y"), frame["y"])
    seconds = time.perf_counter() - start
    print(f"{seconds:.0f} | {(peak_memory() - before) / 1e6:,.0f}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--fit", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        fit(*options.fit)
        return
    print("| rows | file, MB | way | seconds | MB above the start |")
    print("|--:|--:|---|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for n_rows in (options.rows, 10 * options.rows):
            path = Path(folder) / f"{n_rows}.parquet"
            write(path, n_rows)
            size = path.stat().st_size / 1e6
            for way in ("fit_stream", "fit"):
                command = [sys.executable, __file__, "--fit", way, str(path)]
                done = subprocess.run(command, capture_output=True, text=True)
                shown = done.stdout.strip() or f"failed: {done.stderr[-200:]}"
                print(f"| {n_rows:,} | {size:,.0f} | {way} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
