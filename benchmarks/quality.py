"""Score encoders under gradient boosting on real data, on rows that chose nothing.

A folder holds Parquet files and a ``tasks.json`` (`tasks.py` says what stands in it)::

    python benchmarks/quality.py --data FOLDER --jobs 2
    python benchmarks/quality.py --data FOLDER --tasks king_county --train-rows 500 \
        --encoders "none,target,embedding,embedding(cv=None)"

Each encoder is fitted on the training part only, by ``fit_transform``, as a Pipeline
does; models then fit on its features and are scored on the test part. The CSV has one
row for each score; rows that it holds already are not run again. Beside it come a
Markdown table (.md), which also counts on how many tasks the first embedding wins, ties
and loses against each other encoder (`paired.py`), and figures (.png): scores by task,
and mean ranks with their critical difference.

TabPrep's generators need an environment of their own, as their pandas is an older one::

    python -m venv ENV && ENV/bin/pip install autogluon.features
    TABPREP_PYTHON=ENV/bin/python python benchmarks/quality.py --data FOLDER \
        --tasks amazon_employee_access,employee_salaries,king_county \
        --encoders target,target_counts,catboost,tabprep,embedding

Published tables, with their own folds and beside their own figures; CLONES is a folder
with clones of the authors' repositories (`published_sets.py` names them)::

    python benchmarks/quality.py --data FOLDER --published CLONES --tasks wages,spotify
"""

import argparse
import re
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from encoders import ENCODERS, NotRun, fit_params, make_encoder
from joblib import Parallel, delayed
from models import MODELS, fit_predict, runs_on
from tasks import read_tasks
from tqdm import tqdm

KEYS = ["task", "train_rows", "encoder", "seed", "model"]


def run(task, train_rows, encoder_name, seed, models):
    """Score one encoder with each of the models; return rows of the results."""
    warnings.filterwarnings(
        "ignore", module="sklearn|lightgbm|category_encoders|statsmodels|skrub"
    )
    key = {
        "task": task.name,
        "train_rows": train_rows or 0,
        "encoder": encoder_name,
        "seed": seed,
    }
    train, test = task.split(seed, train_rows)
    try:
        encoder = make_encoder(encoder_name, task, train, seed)
    except NotRun as reason:
        return [key | {"model": model, "note": str(reason)} for model in models]
    start = time.perf_counter()
    params = fit_params(encoder_name, train.params)
    features = encoder.fit_transform(train.X, train.y, **params)
    encoded = time.perf_counter()
    features = np.asarray(features, dtype=float)
    test_features = np.asarray(encoder.transform(test.X), dtype=float)
    native = len(task.categorical) if encoder_name in ("native", "catboost") else 0
    results = []
    for model in models:
        began = time.perf_counter()
        predicted = fit_predict(
            model, native, task, seed, features, train, test_features
        )
        results.append(
            key
            | {
                "model": model,
                "metric": task.spec["metric"],
                "score": task.score(test, predicted),
                "features": features.shape[1],
                "encoder_seconds": encoded - start,
                "model_seconds": time.perf_counter() - began,
            }
        )
    return results


def plan(options, done):
    """List what is still to run: task, encoder, seed and its missing models."""
    jobs = []
    finished = set(done[KEYS].itertuples(index=False, name=None)) if len(done) else ()
    for task in read_tasks(options.data, options.tasks):
        for seed in options.seeds:
            for encoder in options.encoders:
                models = [
                    model
                    for model in (*options.models, "catboost")
                    if runs_on(model, encoder)
                    and (task.name, options.train_rows or 0, encoder, seed, model)
                    not in finished
                ]
                if models:
                    jobs.append((task, options.train_rows, encoder, seed, models))
    return jobs


def execute(options):
    """Run what is missing, append to the CSV after every job, return all rows."""
    done = pd.read_csv(options.csv) if options.csv.exists() else pd.DataFrame()
    jobs = plan(options, done)
    parallel = Parallel(n_jobs=options.jobs, return_as="generator_unordered")
    for rows in tqdm(parallel(delayed(run)(*job) for job in jobs), total=len(jobs)):
        done = pd.concat([done, pd.DataFrame(rows)], ignore_index=True)
        done.to_csv(options.csv, index=False)
    return done


def split_outside_brackets(text):
    return [part.strip() for part in re.split(r",(?![^()]*\))", text)]


def seeds(text):
    """``3`` is 0, 1, 2; ``10,11`` is those."""
    numbers = [int(part) for part in text.split(",")]
    return list(range(numbers[0])) if len(numbers) == 1 else numbers


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder")
    parser.add_argument("--tasks", type=split_outside_brackets, help="default: all")
    parser.add_argument("--encoders", type=split_outside_brackets)
    parser.add_argument(
        "--models",
        type=split_outside_brackets,
        default=MODELS[:1],
        help=f"of {', '.join(MODELS)}",
    )
    parser.add_argument(
        "--seeds",
        type=seeds,
        default=[0, 1, 2],
        help="how many, from 0, or a list: 10,11,12",
    )
    parser.add_argument("--train-rows", type=int, help="sample the training part")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--csv", type=Path, help="default: quality.csv, published.csv")
    parser.add_argument(
        "--figure",
        type=Path,
        help="of the critical difference; default: beside the CSV",
    )
    parser.add_argument(
        "--published", type=Path, metavar="CLONES", help="run published tables instead"
    )
    parser.add_argument(
        "--folds", type=int, help="of published tables: the first ones only"
    )
    options = parser.parse_args()
    mode = "published" if options.published else "quality"
    options.csv = options.csv or Path(f"{mode}.csv")
    if options.published:
        from published import run_published

        run_published(options)
        return
    options.encoders = options.encoders or ENCODERS
    results = execute(options)
    from report import write_report

    write_report(results, options)


if __name__ == "__main__":
    main()
