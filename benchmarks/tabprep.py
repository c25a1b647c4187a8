"""TabPrep's generators (autogluon.features) as one encoder, run by another Python.

autogluon.features asks for an older pandas than the benchmarks use. So this file has
two sides: `TabPrep`, an encoder here, and a script that the other Python runs, with
Parquet files between them. The generators are those for categories, with their
defaults: crosses of two and three columns, out-of-fold target encoding of columns and
crosses, and statistics of numeric columns by category.
"""

import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

TARGET_TYPES = {"poisson": "regression"}


class TabPrep(TransformerMixin, BaseEstimator):
    """The features of TabPrep's generators, then the numeric columns."""

    def __init__(self, python, categorical, kind):
        self.python = python
        self.categorical = categorical
        self.kind = kind

    def fit_transform(self, X, y):
        self.folder_ = tempfile.TemporaryDirectory()
        folder = Path(self.folder_.name)
        kind = TARGET_TYPES.get(self.kind, self.kind)
        (folder / "setting.pkl").write_bytes(pickle.dumps((self.categorical, kind)))
        np.save(folder / "y.npy", y)
        return self._run("fit", X)

    def transform(self, X):
        return self._run("transform", X)

    def _run(self, step, X):
        folder = Path(self.folder_.name)
        X.to_parquet(folder / "X.parquet")
        command = [self.python, __file__, step, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"TabPrep failed in {step}:\n{done.stderr[-2000:]}")
        return np.load(folder / "features.npy")


class Generators:
    """What the other Python fits: categories -> crosses -> numbers."""

    def __init__(self, categorical, kind):
        from autogluon.features.generators import (
            CategoricalInteractionFeatureGenerator,
            GroupByFeatureGenerator,
            OOFTargetEncodingFeatureGenerator,
        )

        self.categorical = categorical
        options = {"target_type": kind, "verbosity": 0}
        self.crosses = CategoricalInteractionFeatureGenerator(**options)
        self.target = OOFTargetEncodingFeatureGenerator(**options)
        self.groups = GroupByFeatureGenerator(**options)

    def fit(self, X, y):
        self.levels = {c: X[c].dropna().unique() for c in self.categorical}
        X = self._with_categories(X)
        numbers = X.drop(columns=self.categorical)
        crossed = self._all(X, self.crosses.fit_transform(X[self.categorical], y))
        parts = [self.target.fit_transform(crossed, y)]
        if numbers.shape[1]:
            parts.append(self.groups.fit_transform(X, y))
        return self._numbers([*parts, numbers])

    def transform(self, X):
        X = self._with_categories(X)
        numbers = X.drop(columns=self.categorical)
        crossed = self._all(X, self.crosses.transform(X[self.categorical]))
        parts = [self.target.transform(crossed)]
        if numbers.shape[1]:
            parts.append(self.groups.transform(X))
        return self._numbers([*parts, numbers])

    def _with_categories(self, X):
        dtypes = {c: pd.CategoricalDtype(levels) for c, levels in self.levels.items()}
        return X.astype(dtypes)

    def _all(self, X, crosses):
        """Join columns and crosses, whether or not the generator keeps the former."""
        own = X[self.categorical].drop(columns=crosses.columns, errors="ignore")
        return pd.concat([own, crosses], axis=1)

    @staticmethod
    def _numbers(parts):
        frames = [part.select_dtypes(["number", "bool"]) for part in parts]
        together = pd.concat(frames, axis=1)
        return together.loc[:, ~together.columns.duplicated()].to_numpy(float)


def main(step, folder):
    X = pd.read_parquet(folder / "X.parquet")
    if step == "fit":
        categorical, kind = pickle.loads((folder / "setting.pkl").read_bytes())
        generators = Generators(categorical, kind)
        features = generators.fit(X, pd.Series(np.load(folder / "y.npy")))
        (folder / "fitted.pkl").write_bytes(pickle.dumps(generators))
    else:
        generators = pickle.loads((folder / "fitted.pkl").read_bytes())
        features = generators.transform(X)
    np.save(folder / "features.npy", features)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
