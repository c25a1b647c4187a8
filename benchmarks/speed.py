"""What the encoder costs beside other ways to do the same: ratios of one run.

Timings on a shared machine drift, so both sides of a ratio are run in turn, and the
medians are compared. Peak memory and import times come from fresh processes::

    python benchmarks/speed.py
    python benchmarks/speed.py --quick          # smaller sizes, about a minute
    python benchmarks/speed.py --lines fit,memory
"""

import argparse
import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd
import pyarrow as pa

MIXED = (7, 30, 100, 1000, 5000, 30_000)
SMALL = (7, 30, 50, 100)
#: Vectors only: the steps of a hand-written loop.
VECTORS = {"add_prediction": False, "add_support": False, "crosses": None}


def make_data(n_rows, cardinalities, seed=0, dtype="category"):
    """Return a frame of categories with skewed counts, and an additive target."""
    rng = np.random.default_rng(seed)
    y, columns = rng.normal(size=n_rows), {}
    for j, n in enumerate(cardinalities):
        codes = np.minimum((n * rng.random(n_rows) ** 2).astype(np.int64), n - 1)
        # The same effects for all seeds, which so continue each other's rows.
        y += np.random.default_rng(j).normal(size=n)[codes]
        levels = pd.Index([f"value_{i}" for i in range(n)])
        columns[f"c{j}"] = pd.Categorical.from_codes(codes, levels).astype(dtype)
    return pd.DataFrame(columns), y


def medians(*actions, repeats):
    """Run the actions in turn, several times; return the median seconds of each."""
    taken = [[] for _ in actions]
    for _ in range(repeats):
        for action, seconds in zip(actions, taken, strict=True):
            start = time.perf_counter()
            action()
            seconds.append(time.perf_counter() - start)
    return [float(np.median(seconds)) for seconds in taken]


def encoder(**params):
    from sk_entity import EntityEmbeddingEncoder

    return EntityEmbeddingEncoder(random_state=0, **params)


def hand_written(X, y, dims, epochs, batch_size):
    """Entity embeddings as one writes them in torch: dense fused Adam, sliced batches.

    The decoder is the encoder's own module.
    """
    import torch
    from torch import nn

    from sk_entity._learning.modules import Decoder

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the encoder
    codes = [X[name].astype("category").cat.codes.to_numpy() for name in X]
    codes = torch.as_tensor(np.stack(codes, axis=1).astype(np.int64))
    target = torch.as_tensor((y - y.mean()) / y.std(), dtype=torch.float32)
    tables = nn.ModuleList(
        nn.Embedding(int(codes[:, j].max()) + 1, dim) for j, dim in enumerate(dims)
    )
    decoder = Decoder(sum(dims), (64, 32), 1, 0.0, torch.Generator())
    parameters = [*tables.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.01, fused=True)
    for _ in range(epochs):
        order = torch.randperm(len(target))
        for start in range(0, len(target), batch_size):
            rows = order[start : start + batch_size]
            batch = codes[rows]
            vectors = [table(batch[:, j]) for j, table in enumerate(tables)]
            output = decoder(torch.cat(vectors, dim=1))[:, 0]
            loss = 0.5 * (output - target[rows]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    torch.set_num_threads(threads)


def against_hand_written(cardinalities, n_rows, repeats):
    X, y = make_data(n_rows, cardinalities)
    epochs = 4
    ours = encoder(cv=None, max_epochs=epochs, **VECTORS).fit(X, y)
    dims = [table.dim for table in ours.embeddings_.values()]
    batch_size = ours.net_.batch_size
    mine, theirs = medians(
        lambda: encoder(cv=None, max_epochs=epochs, **VECTORS).fit(X, y),
        lambda: hand_written(X, y, dims, epochs, batch_size),
        repeats=repeats,
    )
    return mine / theirs, f"{n_rows * epochs / mine:,.0f} rows/s"


def line_fit(quick):
    """fit(cv=None) / hand-written torch loop, cardinalities 7 .. 30,000."""
    return against_hand_written(MIXED, 50_000 if quick else 200_000, 3 if quick else 7)


def line_fit_small(quick):
    """Fit(cv=None) / hand-written torch loop, cardinalities up to 100."""
    return against_hand_written(SMALL, 50_000 if quick else 200_000, 3 if quick else 7)


def line_cross_fitting(quick):
    """fit_transform, cv=5 / fit, cv=None: vectors only, same steps."""
    return _cross_fitting(quick, VECTORS)


def line_cross_fitting_default(quick):
    """fit_transform, cv=5 / fit, cv=None: all defaults, a full fit."""
    return _cross_fitting(quick, {})


def _cross_fitting(quick, params):
    X, y = make_data(20_000 if quick else 200_000, MIXED)
    epochs = 4 if params else "auto"
    with_folds, without = medians(
        lambda: encoder(max_epochs=epochs, **params).fit_transform(X, y),
        lambda: encoder(max_epochs=epochs, cv=None, **params).fit(X, y),
        repeats=1 if quick else 3,
    )
    return with_folds / without, f"{with_folds:.1f} s / {without:.1f} s"


def _fitted_pair(n_rows, dtype, **params):
    from sklearn.preprocessing import TargetEncoder

    X, y = make_data(n_rows, MIXED, dtype=dtype)
    ours = encoder(max_epochs=1, **params).fit(X[:50_000], y[:50_000])
    theirs = TargetEncoder(target_type="continuous").fit(X[:50_000], y[:50_000])
    return X, ours, theirs


def _transform(quick, **params):
    n_rows = 100_000 if quick else 1_000_000
    X, ours, theirs = _fitted_pair(n_rows, "str", **params)
    mine, other = medians(
        lambda: ours.transform(X), lambda: theirs.transform(X), repeats=5
    )
    return mine / other, f"{n_rows / mine:,.0f} rows/s"


def line_transform(quick):
    """Transform / TargetEncoder.transform, six str columns: vectors only."""
    return _transform(quick, **VECTORS)


def line_transform_default(quick):
    """Transform / TargetEncoder.transform: all defaults."""
    return _transform(quick)


def line_dtype(quick):
    """Transform of category dtype / of str dtype, vectors only."""
    n_rows = 100_000 if quick else 1_000_000
    X, ours, _ = _fitted_pair(n_rows, "str", **VECTORS)
    categories = X.astype("category")
    fast, slow = medians(
        lambda: ours.transform(categories), lambda: ours.transform(X), repeats=5
    )
    return fast / slow, f"{n_rows / fast:,.0f} rows/s"


def line_growth(quick):
    """Fit of ten times the rows / fit, same epochs, cv=5, vectors only."""
    n_rows = 20_000 if quick else 200_000
    X, y = make_data(10 * n_rows, MIXED)
    # The automatic dimension grows with the rows; here the net stays the same.
    fit = encoder(max_epochs=2, batch_size=2048, embedding_dim=3, **VECTORS).fit
    large, small = medians(
        lambda: fit(X, y),
        lambda: fit(X[:n_rows], y[:n_rows]),
        repeats=1 if quick else 3,
    )
    return large / small, f"{20 * n_rows / large:,.0f} rows/s"


def line_large_table(quick):
    """Time per step with a column of 1M categories / of 1k, cv=5."""
    n_rows = 200_000 if quick else 2_000_000
    sizes = (100_000 if quick else 1_000_000, 1000)
    data = [make_data(n_rows, (size, 100, 10)) for size in sizes]
    params = {"max_epochs": 1, "embedding_dim": {"c0": 2}, "batch_size": 2048}
    seconds = [[], []]
    for _ in range(1 if quick else 3):
        for (X, y), taken in zip(data, seconds, strict=True):
            history = encoder(**params, **VECTORS).fit(X, y).history_
            taken.append(history["dur"][0] / history["train_batch_count"][0])
    large, small = np.median(seconds, axis=1)
    return large / small, f"{large * 1e3:.2f} ms / {small * 1e3:.2f} ms"


def line_memory(quick):
    """Peak resident memory of a fit / size of the frame, 10 columns."""
    n_rows = 500_000 if quick else 5_000_000
    code = f"import speed; speed.measure_memory({n_rows})"
    size, peak = map(float, _fresh(code).split())
    return peak / size, f"{peak / 1e6:,.0f} MB / {size / 1e6:,.0f} MB"


def measure_memory(n_rows):
    """Print the size of a frame, and by how much a fit of it raised the peak."""
    # What is imported and initialised at the first fit is not the frame's.
    encoder(max_epochs=1).fit(*make_data(5000, (5, 7)))
    cardinalities = (10, 30, 100, 300, 1000, 3000, 10_000, 30_000)
    before = resident_memory()
    X, y = make_data(n_rows, cardinalities, dtype="str")
    for j in range(2):
        X[f"n{j}"] = np.random.default_rng(j).normal(size=n_rows)
    size = X.memory_usage(deep=True).sum()
    forget_peak()
    encoder(max_epochs=1).fit(X, y)
    print(size, peak_memory() - before)


def forget_peak():
    """Start the peak anew: making data may have peaked high, and left memory behind."""
    pa.default_memory_pool().release_unused()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")


def _status(key):
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith(key))
    return int(line.split()[1]) * 1024


def resident_memory():
    return _status("VmRSS")


def peak_memory():
    return _status("VmHWM")


def line_import(quick):
    """Import the encoder / import sklearn.ensemble, in fresh processes."""
    ours, theirs = medians(
        lambda: _fresh("from sk_entity import EntityEmbeddingEncoder"),
        lambda: _fresh("import sklearn.ensemble"),
        repeats=3 if quick else 9,
    )
    return ours / theirs, f"{ours:.2f} s / {theirs:.2f} s"


SERVE = """
import pandas as pd
from {module} import {name}
{name}.load({encoder!r}).transform(pd.read_csv({rows!r}))
"""


def _serve(quick, module, name):
    """Import, load and transform 1,000 rows / import torch, in fresh processes."""
    X, y = make_data(1000, (7, 30, 100, 300), dtype=str)
    X["number"] = np.arange(1000.0)
    with tempfile.TemporaryDirectory() as folder:
        paths = {"encoder": f"{folder}/encoder", "rows": f"{folder}/rows.csv"}
        X.to_csv(paths["rows"], index=False)
        encoder(max_epochs=1).fit(X, y).save(paths["encoder"])
        code = SERVE.format(module=module, name=name, **paths)
        ours, theirs = medians(
            lambda: _fresh(code),
            lambda: _fresh("import torch"),
            repeats=3 if quick else 9,
        )
    return ours / theirs, f"{ours:.2f} s / {theirs:.2f} s"


def line_serve(quick):
    """InferenceEncoder: import, load, transform 1,000 rows / import torch."""
    return _serve(quick, "sk_entity.inference", "InferenceEncoder")


def line_serve_encoder(quick):
    """EntityEmbeddingEncoder: the same, which imports scikit-learn / import torch."""
    return _serve(quick, "sk_entity", "EntityEmbeddingEncoder")


def line_one_row(quick):
    """One row of 10 columns, all defaults / the way of many rows."""
    from sk_entity._row import RowReader

    X, y = make_data(5000, (7, 30, 50, 100, 300, 300, 1000), dtype=str)
    X = X.assign(a=np.arange(5000.0), b=y, c=-y)
    fitted = encoder(max_epochs=1).fit(X, y)
    rows = [X.iloc[[i]] for i in range(100 if quick else 1000)]
    fitted.transform(rows[0])

    def all_rows():
        for row in rows:
            fitted.transform(row)

    def plainly():
        read, RowReader.read = RowReader.read, lambda self, frame: None
        try:
            all_rows()
        finally:
            RowReader.read = read

    fast, slow = medians(all_rows, plainly, repeats=3)
    each = [1e6 * seconds / len(rows) for seconds in (fast, slow)]
    return fast / slow, f"{each[0]:.0f} / {each[1]:.0f} microseconds"


def _fresh(code):
    here = os.path.dirname(os.path.abspath(__file__))
    env = os.environ | {"PYTHONPATH": here}
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, env=env
    )
    return done.stdout.decode()


#: What each ratio must stay below, and what it aims for.
LINES = {
    "fit": (line_fit, 1.0, 0.5),
    "fit_small": (line_fit_small, 1.15, 1.0),
    "cross_fitting": (line_cross_fitting, 2.5, 1.5),
    "cross_fitting_default": (line_cross_fitting_default, 2.5, 1.5),
    "transform": (line_transform, 0.30, 0.10),
    "transform_default": (line_transform_default, 0.30, 0.10),
    "dtype": (line_dtype, 0.5, 0.2),
    "growth": (line_growth, 11, 10),
    "large_table": (line_large_table, 1.5, 1.1),
    "memory": (line_memory, 3, 2),
    "import": (line_import, 1.5, 1.1),
    "serve": (line_serve, 0.7, 0.5),
    "serve_encoder": (line_serve_encoder, 0.7, 0.5),
    "one_row": (line_one_row, 0.15, 0.1),
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--lines", default=",".join(LINES))
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores; the fit of the encoder and of torch use one.\n")
    print("| line | what | ratio | must be | aim | |\n|---|---|--:|--:|--:|---|")
    for name in options.lines.split(","):
        measure, bar, aim = LINES[name]
        ratio, note = measure(options.quick)
        what = measure.__doc__.rstrip(".")
        print(f"| {name} | {what} | {ratio:.2f} | {bar} | {aim} | {note} |", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"\nPeak memory of this process: {peak:.1f} GB.")


if __name__ == "__main__":
    main()
