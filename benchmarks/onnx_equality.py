"""Graphs beside scikit-learn: the rows on which they differ.

A folder holds Parquet files and a ``tasks.json`` (`tasks.py` says what stands in it)::

    python benchmarks/onnx_equality.py --data FOLDER

Pipelines of encoder and booster are fitted on the training part and exported as one
graph. The table counts test rows of unequal labels, and of probabilities that differ by
more than 1e-5. Then the encoder alone: 100,000 rows, drawn again and again from the
test part, with every tenth cell new and every twentieth missing.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import skl2onnx
from lightgbm import LGBMClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from tasks import read_tasks

from sk_entity import EntityEmbeddingEncoder
from sk_entity.onnx import as_inputs, initial_types, register, to_onnx

TASKS = ("amazon_employee_access", "adult_census")
N_ROWS = 100_000


def run(model, inputs):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, inputs)


def encoder(task):
    return EntityEmbeddingEncoder(list(task.categorical), random_state=0)


def compare_pipeline(task, booster, train, test):
    """Return a row of the table of pipelines."""
    pipe = make_pipeline(encoder(task), booster).fit(train.X, train.y)
    model = skl2onnx.to_onnx(
        pipe,
        initial_types=initial_types(pipe[0]),
        target_opset={"": 18, "ai.onnx.ml": 3},
        options={type(booster): {"zipmap": False}},
    )
    labels, shares = run(model, as_inputs(pipe[0], test.X, model))
    difference = np.abs(shares - pipe.predict_proba(test.X)).max(axis=1)
    return {
        "task": task.name,
        "booster": type(booster).__name__,
        "rows": len(labels),
        "unequal labels": int((labels != pipe.predict(test.X)).sum()),
        "beyond 1e-5": int((difference > 1e-5).sum()),
        "largest difference": f"{difference.max():.1e}",
    }


def odd_rows(task, X, seed):
    """Draw rows, and make some cells new and some missing."""
    rng = np.random.default_rng(seed)
    frame = X.iloc[rng.integers(0, len(X), N_ROWS)].reset_index(drop=True)
    for name in task.categorical:
        column = frame[name]
        text = not pd.api.types.is_numeric_dtype(column.dtype)
        column = column.astype(object if text else "Int64")
        column[rng.random(N_ROWS) < 0.1] = "new" if text else -7
        column[rng.random(N_ROWS) < 0.05] = None if text else pd.NA
        frame[name] = column
    return frame


def compare_features(task, train, test):
    """Return a row of the table of features."""
    fitted = encoder(task).fit(train.X, train.y)
    frame = odd_rows(task, test.X, 0)
    expected = fitted.transform(frame)
    inputs = as_inputs(fitted, frame)
    start = time.perf_counter()
    (found,) = run(to_onnx(fitted), inputs)
    seconds = time.perf_counter() - start
    names = fitted.get_feature_names_out()
    predicted = np.asarray([name.startswith("prediction") for name in names])
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    difference = np.abs(found - expected)[:, predicted].max(axis=1)
    return {
        "task": task.name,
        "rows": len(frame),
        "features": found.shape[1],
        "rows whose vectors differ": int((~same[:, ~predicted].all(axis=1)).sum()),
        "predictions beyond 1e-5": int((difference > 1e-5).sum()),
        "largest difference": f"{difference.max():.1e}",
        "rows/s": f"{len(frame) / seconds:,.0f}",
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    # LightGBM has names of its own for the columns of an array.
    warnings.filterwarnings("ignore", module="sklearn|sk_entity")
    register()
    pipelines, features = [], []
    for task in read_tasks(options.data, TASKS):
        train, test = task.split(0, None)
        for booster in (
            HistGradientBoostingClassifier(random_state=0),
            LGBMClassifier(random_state=0, verbose=-1),
        ):
            pipelines.append(compare_pipeline(task, booster, train, test))
        features.append(compare_features(task, train, test))
    for rows in (pipelines, features):
        print(pd.DataFrame(rows).to_string(index=False), end="\n\n")


if __name__ == "__main__":
    main()
