"""Fit many generated rows, with one column of very many categories.

For example::

    python benchmarks/growth.py --rows 10_000_000 --categories 1_000_000

Prints seconds of each part, rows per second of an epoch, and peak memory.
"""

import argparse
import time

from speed import encoder, forget_peak, make_data, peak_memory, resident_memory


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--categories", type=int, default=1_000_000)
    parser.add_argument("--epochs", type=int, default=1)
    options = parser.parse_args()
    X, y = make_data(options.rows, (options.categories, 30_000, 1000, 100, 7))
    print(f"{len(X):,} rows, frame {X.memory_usage(deep=True).sum() / 1e6:,.0f} MB")
    print(f"memory before the fit {resident_memory() / 1e6:,.0f} MB")
    forget_peak()
    start = time.perf_counter()
    fitted = encoder(max_epochs=options.epochs).fit(X, y)
    seconds = time.perf_counter() - start
    epoch = fitted.history_["dur"].mean()
    print(f"fit {seconds:.0f} s, an epoch {epoch:.0f} s ({len(X) / epoch:,.0f} rows/s)")
    print(f"peak memory {peak_memory() / 1e6:,.0f} MB")
    print({name: table.vectors.shape for name, table in fitted.embeddings_.items()})


if __name__ == "__main__":
    main()
