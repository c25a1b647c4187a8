"""Score encoders under LightGBM on real data sets, on test rows that chose nothing.

A folder holds Parquet files and a ``tasks.json`` that names, for each task, the file,
target, categorical and numeric columns, metric and split::

    python benchmarks/quality.py --data FOLDER --tasks amazon_employee_access

Tasks of a random split and the metrics ``roc_auc`` and ``r2`` are run; others are
named and left out.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.compose import make_column_transformer
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OrdinalEncoder, TargetEncoder

from sk_entity import EntityEmbeddingEncoder

BOOSTER = {"n_estimators": 300, "learning_rate": 0.05, "num_leaves": 31}
ENCODERS = ("none", "ordinal", "target", "embedding_cv_none", "embedding")
TRANSFORMS = {"log": np.log, "log1p": np.log1p}


def make_encoder(name, categorical, seed):
    """Return the encoder called ``name``; numeric columns pass through all of them."""
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    if name.startswith("embedding"):
        cv = None if name == "embedding_cv_none" else 5
        return EntityEmbeddingEncoder(categorical, cv=cv, random_state=seed)
    columns = {"none": "drop", "ordinal": ordinal, "target": TargetEncoder()}[name]
    return make_column_transformer((columns, categorical), remainder="passthrough")


def load(folder, task):
    """Return the columns and the target of one task."""
    data = pd.read_parquet(folder / task["file"])
    if "filter" in task:
        data = data.query(task["filter"])
    y = data[task["target"]]
    if task["task"] == "binary":
        y = (y == sorted(y.unique())[-1]).astype(int)
    else:
        y = TRANSFORMS.get(task["target_transform"], np.asarray)(y.astype(float))
    X = data[task["categorical"] + task["numeric"]]
    return X.astype(dict.fromkeys(task["categorical"], str)), np.asarray(y)


def run(folder, name, task, encoder_name, seed, stratify):
    """Fit on 75 % of the rows, score on 25 %; return one row of the results."""
    X, y = load(folder, task)
    binary = task["task"] == "binary"
    train, test, y_train, y_test = train_test_split(
        X,
        y,
        test_size=task["test_size"],
        random_state=seed,
        stratify=y if stratify and binary else None,
    )
    encoder = make_encoder(encoder_name, task["categorical"], seed)
    start = time.perf_counter()
    features = np.asarray(encoder.fit_transform(train, y_train))
    seconds = time.perf_counter() - start
    if not features.shape[1]:
        score = 0.5 if binary else 0.0  # nothing to learn from: a constant
    else:
        booster = LGBMClassifier if binary else LGBMRegressor
        model = booster(**BOOSTER, random_state=seed, n_jobs=1, verbose=-1)
        raw = model.fit(features, y_train).predict(
            np.asarray(encoder.transform(test)), raw_score=True
        )
        score = (roc_auc_score if binary else r2_score)(y_test, raw)
    return {
        "task": name,
        "encoder": encoder_name,
        "seed": seed,
        "score": score,
        "encoder_seconds": seconds,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder")
    parser.add_argument("--tasks", default="amazon_employee_access,open_payments")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0")
    parser.add_argument("--stratify", action="store_true", help="split by class, too")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--csv", type=Path, help="where to write every single score")
    options = parser.parse_args()
    tasks = json.loads((options.data / "tasks.json").read_text())
    chosen = []
    for name in options.tasks.split(","):
        task = tasks[name]
        if task["split"] == "random" and task["metric"] in ("roc_auc", "r2"):
            chosen.append((name, task))
        else:
            print(f"left out: {name} (split {task['split']}, metric {task['metric']})")
    results = pd.DataFrame(
        Parallel(n_jobs=options.jobs, verbose=5)(
            delayed(run)(options.data, name, task, encoder, seed, options.stratify)
            for name, task in chosen
            for encoder in ENCODERS
            for seed in range(options.seeds)
        )
    )
    if options.csv:
        results.to_csv(options.csv, index=False)
    table = results.groupby(["task", "encoder"]).agg(
        mean=("score", "mean"),
        std=("score", "std"),
        lowest=("score", "min"),
        seconds=("encoder_seconds", "mean"),
    )
    print(f"LightGBM {BOOSTER}, seeds 0 .. {options.seeds - 1}")
    print(table.reindex(ENCODERS, level=1).round(4).to_string())


if __name__ == "__main__":
    main()
