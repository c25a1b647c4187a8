"""What cross-fitting costs: seconds of fit_transform over those of ``cv=None``.

And of its seconds the share that goes into what a fit chooses by itself: how rows are
split, coordinates, crosses, the prediction. Ratios of one run; every data set is fitted
in turn with and without, on one core::

    python benchmarks/cost.py --data FOLDER --tasks king_county,open_payments
"""

import argparse
import time
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

import numpy as np
from encoders import make_encoder
from tasks import read_tasks

from sk_entity._features import extras
from sk_entity._fitting import beside, lesson

ENCODERS = (
    "embedding(cv=None)",
    "embedding(add_prediction=False,crosses=None)",
    "embedding",
)


#: What a fit chooses with: a module of `sk_entity._fitting` or `_features`, a function.
CHOICES = (
    (lesson, "find_order"),
    (lesson, "find_copies"),
    (beside, "choose_coordinates"),
    (beside, "keep_what_earns_it"),
    (extras, "choose_crosses"),
)


@contextmanager
def clock():
    """Add up the seconds that choices take; yield a list of one number."""
    spent, originals = [0.0], [getattr(module, name) for module, name in CHOICES]

    def timed(function):
        @wraps(function)
        def call(*args, **kwargs):
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                spent[0] += time.perf_counter() - start

        return call

    try:
        for (module, name), function in zip(CHOICES, originals, strict=True):
            setattr(module, name, timed(function))
        yield spent
    finally:
        for (module, name), function in zip(CHOICES, originals, strict=True):
            setattr(module, name, function)


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
    names = " | ".join(f"`{name}`" for name in ENCODERS)
    print(f"| task | rows | {names} | share of choices |")
    print("|---|--:|" + "--:|" * (len(ENCODERS) + 1))
    for task in read_tasks(options.data, options.tasks.split(",")):
        train, _ = task.split(0)
        seconds(ENCODERS[0], task, train.take(np.arange(200)), 1)  # imports, caches
        taken = [seconds(name, task, train, options.repeats) for name in ENCODERS]
        ratios = " | ".join(f"{t / taken[0]:.2f}" for t in taken)
        with clock() as spent:
            whole = options.repeats * seconds(
                ENCODERS[-1], task, train, options.repeats
            )
        share = f"{spent[0] / whole:.2f}"
        print(f"| {task.name} | {len(train.y)} | {ratios} | {share} |", flush=True)


if __name__ == "__main__":
    main()
