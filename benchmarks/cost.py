"""What cross-fitting costs: seconds of fit_transform over those of ``cv=None``.

Ratios of one run; every data set is fitted in turn with and without, on one core::

    python benchmarks/cost.py --data FOLDER --tasks king_county,open_payments
"""

import argparse
import time
from pathlib import Path

import numpy as np
from encoders import make_encoder
from tasks import read_tasks

ENCODERS = (
    "embedding(cv=None)",
    "embedding(add_prediction=False,crosses=None)",
    "embedding",
)


def seconds(name, task, train, repeats):
    taken = []
    for seed in range(repeats):
        encoder = make_encoder(name, task, train, seed)
        start = time.perf_counter()
        encoder.fit_transform(train.X, train.y, **train.params)
        taken.append(time.perf_counter() - start)
    return np.median(taken)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--tasks", default="employee_salaries,amazon_employee_access,king_county"
    )
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print("| task | rows | " + " | ".join(f"`{name}`" for name in ENCODERS) + " |")
    print("|---|--:|" + "--:|" * len(ENCODERS))
    for task in read_tasks(options.data, options.tasks.split(",")):
        train, _ = task.split(0)
        seconds(ENCODERS[0], task, train.take(np.arange(200)), 1)  # imports, caches
        taken = [seconds(name, task, train, options.repeats) for name in ENCODERS]
        ratios = " | ".join(f"{t / taken[0]:.2f}" for t in taken)
        print(f"| {task.name} | {len(train.y)} | {ratios} |", flush=True)


if __name__ == "__main__":
    main()
