"""Real data sets as train and test parts: columns, target, split, metric, weights.

A folder holds Parquet files and a ``tasks.json`` with, for each task, the keys

- ``file``, ``target``, ``categorical``, ``numeric``: what is read;
- ``task``: "regression", "binary", "multiclass" or "poisson";
- ``metric``: "r2", "roc_auc", "log_loss", "mape" or "poisson_deviance";
- ``split``: "random", "time:COLUMN" (the last rows test) or "group:COLUMN" (no group
  is in both parts), and ``test_size``, a share;
- optionally ``target_transform`` ("log", "log1p"), ``filter`` (a pandas query),
  ``train_sample`` (rows drawn with replacement), ``sample_weight`` and ``exposure``
  (columns).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import (
    log_loss,
    mean_absolute_percentage_error,
    mean_poisson_deviance,
    r2_score,
    roc_auc_score,
)
from sklearn.model_selection import GroupShuffleSplit, train_test_split

TRANSFORMS = {"log": (np.log, np.exp), "log1p": (np.log1p, np.expm1)}
MOST_CLAIMS = 4  # of one policy; more are errors in the data


@dataclass(frozen=True)
class Part:
    """Rows to train or to test on; ``params`` are sample_weight and groups, if any.

    A count with an exposure becomes a rate that weighs as much as its exposure, which
    gives the Poisson likelihood of the count.
    """

    X: pd.DataFrame
    y: np.ndarray
    params: dict[str, np.ndarray]

    def take(self, rows):
        return Part(
            self.X.iloc[rows].reset_index(drop=True),
            self.y[rows],
            {name: values[rows] for name, values in self.params.items()},
        )


@dataclass(frozen=True)
class Task:
    """One entry of ``tasks.json``, and the folder that it stands in."""

    name: str
    spec: dict[str, Any]
    folder: Path

    @property
    def kind(self):
        return self.spec["task"]

    @property
    def categorical(self):
        return self.spec["categorical"]

    @property
    def numeric(self):
        return self.spec["numeric"]

    def split(self, seed, train_rows=None):
        """Return the training and the test part; ``train_rows`` samples the former."""
        data = pd.read_parquet(self.folder / self.spec["file"])
        if "filter" in self.spec:
            data = data.query(self.spec["filter"])
        train, test = self._split_rows(data, seed)
        rng = np.random.default_rng(seed)
        if "train_sample" in self.spec:
            train = rng.choice(train, self.spec["train_sample"])
        if train_rows is not None and train_rows < len(train):
            train = rng.choice(train, train_rows, replace=False)
        rows = self._rows(data)
        return rows.take(train), rows.take(test)

    def _split_rows(self, data, seed):
        how, _, column = self.spec["split"].partition(":")
        rows, share = np.arange(len(data)), self.spec["test_size"]
        if how == "random":
            return train_test_split(rows, test_size=share, random_state=seed)
        if how == "time":
            order = np.argsort(data[column].to_numpy(), kind="stable")
            n_train = int(len(rows) * (1 - share))
            return order[:n_train], order[n_train:]
        splitter = GroupShuffleSplit(1, test_size=share, random_state=seed)
        return next(splitter.split(rows, groups=data[column]))

    def _rows(self, data):
        X = data[self.categorical + self.numeric]
        X = X.astype(dict.fromkeys(self.categorical, str))
        y, params = data[self.spec["target"]], {}
        if self.kind in ("binary", "multiclass"):
            y = np.unique(y, return_inverse=True)[1]
        elif self.kind == "poisson":
            exposure = data[self.spec["exposure"]].clip(upper=1).to_numpy()
            y = y.clip(upper=MOST_CLAIMS).to_numpy() / exposure
            params["sample_weight"] = exposure
        else:
            there, _ = TRANSFORMS.get(self.spec["target_transform"], (np.asarray, None))
            y = there(y.to_numpy(dtype=float))
        if "sample_weight" in self.spec:
            params["sample_weight"] = data[self.spec["sample_weight"]].to_numpy(float)
        if self.spec["split"].startswith("group:"):
            column = data[self.spec["split"].partition(":")[2]]
            params["groups"] = pd.factorize(column)[0]
        return Part(X, y, params)

    def score(self, part, predicted):
        """Greater is better: errors are negated."""
        y, weight = part.y, part.params.get("sample_weight")
        if self.spec["metric"] == "mape":
            _, back = TRANSFORMS[self.spec["target_transform"]]
            return -mean_absolute_percentage_error(back(y), back(predicted))
        if self.spec["metric"] == "poisson_deviance":
            return -mean_poisson_deviance(y, predicted, sample_weight=weight)
        if self.spec["metric"] == "log_loss":
            return -log_loss(y, predicted, sample_weight=weight)
        if self.spec["metric"] == "roc_auc":
            return roc_auc_score(y, predicted[:, 1], sample_weight=weight)
        return r2_score(y, predicted, sample_weight=weight)


def read_tasks(folder, names=None):
    """Return the tasks of a folder, all or those named."""
    specs = json.loads((folder / "tasks.json").read_text())
    unknown = sorted(set(names or ()) - set(specs))
    if unknown:
        raise SystemExit(f"no task {unknown}; there are {sorted(specs)}")
    return [Task(name, specs[name], folder) for name in (names or specs)]
