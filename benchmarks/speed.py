"""What the encoder costs beside other ways to do the same: ratios of one run.

Timings on a shared machine drift, so both sides of a ratio are run in turn, and the
medians are compared. Peak memory and import times come from fresh processes::

    python benchmarks/speed.py
    python benchmarks/speed.py --quick          # smaller sizes, about a minute
    python benchmarks/speed.py --lines fit,memory

Lines against an earlier state of the package need a checkout of it, and one of them
real data::

    git worktree add ../before COMMIT
    python benchmarks/speed.py --before ../before --data FOLDER \
        --lines default,default_real
"""

import argparse
import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def hand_written(X, y, dims, epochs, batch_size, hidden=(64, 32), lr=0.01):
    """Entity embeddings as one writes them in torch: dense fused Adam, sliced batches.

    The decoder is the encoder's own module; torch uses all threads. Returns the
    tables, and the codes of the rows.
    """
    import torch
    from torch import nn

    from sk_entity._learning.modules import Decoder

    codes = [X[name].astype("category").cat.codes.to_numpy() for name in X]
    codes = torch.as_tensor(np.stack(codes, axis=1).astype(np.int64))
    target = torch.as_tensor((y - y.mean()) / y.std(), dtype=torch.float32)
    tables = nn.ModuleList(
        nn.Embedding(int(codes[:, j].max()) + 1, dim) for j, dim in enumerate(dims)
    )
    decoder = Decoder(sum(dims), hidden, 1, 0.0, torch.Generator())
    parameters = [*tables.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=lr, fused=True)
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
    return [table.weight.detach().numpy() for table in tables], codes.numpy()


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


FIT = """
import sys, time
import numpy as np
import pandas as pd
from sk_entity import EntityEmbeddingEncoder
train, out = sys.argv[1:3]
data = pd.read_parquet(train)
y = data.pop("y").to_numpy()
X, new = data.iloc[: int(sys.argv[3])], data.iloc[int(sys.argv[3]) :]
EntityEmbeddingEncoder(max_epochs=1).fit(X[:200], y[:200])  # imports, once a process
encoder = EntityEmbeddingEncoder(random_state=int(sys.argv[4]))
start = time.perf_counter()
features = encoder.fit_transform(X, y[: len(X)])
print(time.perf_counter() - start)
np.savez(out, train=features, test=encoder.transform(new))
"""


def r2_of_booster(features, y, new, y_new):
    from lightgbm import LGBMRegressor
    from sklearn.metrics import r2_score

    booster = LGBMRegressor(
        n_estimators=300, learning_rate=0.05, num_leaves=31, verbose=-1, random_state=0
    )
    return r2_score(y_new, booster.fit(features, y).predict(new))


def in_a_checkout(folder, X, y, n_train, seed):
    """Fit all defaults in a fresh process; return seconds, and R2 of LightGBM."""
    with tempfile.TemporaryDirectory() as place:
        rows, out = f"{place}/rows.parquet", f"{place}/features.npz"
        X.assign(y=y).to_parquet(rows)
        arguments = [rows, out, str(n_train), str(seed)]
        done = subprocess.run(
            [sys.executable, "-c", FIT, *arguments],
            check=True,
            capture_output=True,
            # Python looks in the working directory first.
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(Path(folder).resolve())},
        )
        with np.load(out) as features:
            r2 = r2_of_booster(
                features["train"], y[:n_train], features["test"], y[n_train:]
            )
    return float(done.stdout), r2


def _before_and_after(samples):
    """Medians of the seconds, means of R2: now, and in the checkout before."""
    if OPTIONS.before is None:
        raise SystemExit("pass --before FOLDER, a checkout of an earlier state")
    found = [
        [in_a_checkout(folder, *sample) for folder in (ROOT, OPTIONS.before)]
        for sample in samples
    ]
    seconds, r2 = np.moveaxis(np.array(found), 2, 0)
    now, before = np.median(seconds, axis=0)
    note = f"{now:.1f} s / {before:.1f} s; R2 {r2[:, 0].mean():.4f}, before "
    return now / before, note + f"{r2[:, 1].mean():.4f}"


def line_default(quick):
    """All defaults, 100,000 planted rows: seconds / seconds before."""
    from sk_entity.datasets import make_latent_factors

    n = 20_000 if quick else 100_000
    data = make_latent_factors(n + n // 4, random_state=0)
    return _before_and_after([(data.X, data.y, n, 0)] * (1 if quick else 3))


def line_default_real(quick):
    """All defaults, employee_salaries, five seeds: seconds / seconds before."""
    from tasks import read_tasks

    if OPTIONS.data is None:
        raise SystemExit("pass --data FOLDER")
    (task,) = read_tasks(OPTIONS.data, ["employee_salaries"])
    samples = []
    for seed in range(2 if quick else 5):
        train, test = task.split(seed)
        X = pd.concat([train.X, test.X], ignore_index=True)
        y = np.concatenate([train.y, test.y])
        samples.append((X, y, len(train.y), seed))
    return _before_and_after(samples)


def line_default_small(quick):
    """All defaults, 500 rows x 4 columns / HistGradientBoosting of 300 iterations."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    X, y = make_data(500, (7, 12, 50, 100), dtype="str")
    numbers = X.apply(lambda column: column.astype("category").cat.codes)
    booster = HistGradientBoostingRegressor(max_iter=300, early_stopping=False)
    encoder(max_epochs=1).fit(X, y)
    ours, theirs = medians(
        lambda: encoder().fit(X, y),
        lambda: booster.fit(numbers, y),
        repeats=3 if quick else 9,
    )
    return ours / theirs, f"{ours:.2f} s / {theirs:.2f} s"


def line_until_as_good(quick):
    """Seconds until LightGBM is as good as on five epochs of fastai's recipe."""
    from sk_entity.datasets import make_latent_factors

    n = 20_000 if quick else 100_000
    data = make_latent_factors(n + n // 4, random_state=0)
    X, y, new, y_new = data.X[:n], data.y[:n], data.X[n:], data.y[n:]
    names = [name for name in X if name.startswith("entity")]
    numbers = X.columns.difference(names)
    start = time.perf_counter()
    # Its rule for dimensions and its layers, with batches of 1,024.
    both = data.X[names].astype("category")
    dims = [min(600, round(1.6 * both[c].nunique() ** 0.56)) for c in names]
    tables, codes = hand_written(both[:n], y, dims, 5, 1024, (200, 100), 1e-3)
    theirs = time.perf_counter() - start
    codes = np.stack([both[c].cat.codes.to_numpy() for c in names], axis=1)

    def features(rows):
        # Zeros for codes beyond those of the training rows.
        parts = [
            np.vstack([t, np.zeros_like(t[:1])])[np.minimum(codes[rows, j], len(t))]
            for j, t in enumerate(tables)
        ]
        return np.hstack([*parts, data.X[numbers].iloc[rows]])

    bar = r2_of_booster(features(slice(n)), y, features(slice(n, None)), y_new)
    encoder(max_epochs=1).fit(X[:500], y[:500])
    for epochs in (1, 2, 4, 8, 16, 32):
        ours = encoder(max_epochs=epochs)
        start = time.perf_counter()
        own = ours.fit_transform(X, y)
        seconds = time.perf_counter() - start
        r2 = r2_of_booster(own, y, ours.transform(new), y_new)
        if r2 >= bar:
            break
    note = f"{seconds:.1f} s, {epochs} epochs, R2 {r2:.3f} / {theirs:.1f} s, {bar:.3f}"
    return seconds / theirs if r2 >= bar else np.inf, note


def line_threads(quick):
    """Fit on two threads / on one, 200,000 rows: the same bits."""
    import torch

    X, y = make_data(50_000 if quick else 200_000, MIXED)
    found = []

    def fit(n_threads):
        before = torch.get_num_threads()
        torch.set_num_threads(n_threads)
        try:
            found.append(encoder(max_epochs=4, **VECTORS).fit_transform(X, y))
        finally:
            torch.set_num_threads(before)

    two, one = medians(lambda: fit(2), lambda: fit(1), repeats=1 if quick else 5)
    same = all(np.array_equal(found[0], other) for other in found)
    return two / one, f"{two:.2f} s / {one:.2f} s, bits {'equal' if same else 'DIFFER'}"


def line_cost(quick):
    """Seconds of all defaults / what the formula of the docs says."""
    shapes = [(2000, SMALL), (20_000, SMALL), (50_000, MIXED)]
    ratios, notes = [], []
    for n_rows, sizes in shapes[: 2 if quick else 3]:
        X, y = make_data(n_rows, sizes)
        fitted, start = encoder(), time.perf_counter()
        fitted.fit(X, y)
        seconds = time.perf_counter() - start
        expected = expected_seconds(fitted, n_rows)
        ratios.append(seconds / expected)
        notes.append(f"{seconds:.1f} s / {expected:.1f} s")
    return max(max(ratios), 1 / min(ratios)), ", ".join(notes)


def expected_seconds(fitted, n_rows):
    """Seconds of a fit, as docs/performance.md has them."""
    epochs, dims = len(fitted.history_), [t.dim for t in fitted.embeddings_.values()]
    steps = fitted.history_["train_batch_count"].sum()
    work = 32 * sum(dims) + 2500  # of a row and pass
    return 0.35 + steps * 1.2e-3 + n_rows * (epochs * work * 2e-10 + 6e-6)


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
    "default": (line_default, 0.30, 0.15),
    "default_real": (line_default_real, 0.25, 0.15),
    "default_small": (line_default_small, 1.0, 0.5),
    "until_as_good": (line_until_as_good, 0.7, 0.4),
    "threads": (line_threads, 0.62, 0.55),
    "cost": (line_cost, 2.0, 1.5),
    "fit": (line_fit, 0.7, 0.5),
    "fit_small": (line_fit_small, 1.15, 1.0),
    "cross_fitting": (line_cross_fitting, 1.7, 1.5),
    "cross_fitting_default": (line_cross_fitting_default, 2.5, 1.5),
    "transform": (line_transform, 0.15, 0.10),
    "transform_default": (line_transform_default, 0.25, 0.15),
    "dtype": (line_dtype, 0.5, 0.2),
    "growth": (line_growth, 11, 10),
    "large_table": (line_large_table, 1.4, 1.1),
    "memory": (line_memory, 2.5, 2),
    "import": (line_import, 1.05, 1.0),
    "serve": (line_serve, 0.7, 0.5),
    "serve_encoder": (line_serve_encoder, 0.7, 0.5),
    "one_row": (line_one_row, 0.15, 0.1),
}


#: What the command line says.
OPTIONS = argparse.Namespace(before=None, data=None)
ROOT = Path(__file__).resolve().parent.parent


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--lines", default=",".join(LINES))
    parser.add_argument("--before", type=Path, help="a checkout of an earlier state")
    parser.add_argument("--data", type=Path, help="as benchmarks/quality.py has it")
    options = parser.parse_args(namespace=OPTIONS)
    print(f"{os.cpu_count()} cores.\n")
    print("| line | what | ratio | must be | aim | |\n|---|---|--:|--:|--:|---|")
    names = options.lines.split(",")
    if options.lines == parser.get_default("lines"):
        lacking = {"default": options.before, "default_real": options.data}
        names = [name for name in names if lacking.get(name, ROOT) is not None]
    for name in names:
        measure, bar, aim = LINES[name]
        ratio, note = measure(options.quick)
        what = measure.__doc__.rstrip(".")
        print(f"| {name} | {what} | {ratio:.2f} | {bar} | {aim} | {note} |", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"\nPeak memory of this process: {peak:.1f} GB.")


if __name__ == "__main__":
    main()
