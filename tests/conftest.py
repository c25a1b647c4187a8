"""Small frames that many tests share, and encoders that go through a file."""

import copy
import functools
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

# Before SciPy is imported: scikit-learn's array API check runs only with it.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import numpy as np
import pandas as pd
import pytest

from sk_entity import EntityEmbeddingEncoder
from sk_entity.exceptions import SkEntityError

# A program for mypy: it is read, not run.
collect_ignore = ["typing/snippet.py"]


@pytest.fixture
def cities():
    """120 rows: six cities with effects of their own, one number, a float target."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 6, 120)
    names = np.array(["Bari", "Cork", "Gent", "Lodz", "Oslo", "Rome"])
    X = pd.DataFrame({"city": names[codes], "size": rng.normal(size=120)})
    y = np.arange(6)[codes] + X["size"].to_numpy() + 0.1 * rng.normal(size=120)
    return X, y


@pytest.fixture(scope="module")
def trips(tmp_path_factory):
    """Files of encoders with rows and their features; a fresh process compares them."""
    folder = tmp_path_factory.mktemp("saved")
    found = []
    yield folder, found
    if found:
        (folder / "trips.pickle").write_bytes(pickle.dumps(found))
        code = Path(__file__).parent / "load_without_torch.py"
        run = subprocess.run(
            [sys.executable, str(code), str(folder)], capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
        assert run.stdout.split() == [str(len(found)), "same"]


@pytest.fixture
def round_trips(trips, monkeypatch):
    """Save and load each encoder that a test fits: the same features, to the bit."""
    folder, found = trips
    fitted = []

    def noted(method):
        @functools.wraps(method)
        def run(self, X, *args, **kwargs):
            result = method(self, X, *args, **kwargs)
            if not callable(X) and hasattr(X, "__len__") and hasattr(X, "shape"):
                fitted.append((copy.copy(self), X))
            return result

        return run

    for name in ("fit", "fit_transform", "partial_fit"):
        method = getattr(EntityEmbeddingEncoder, name)
        monkeypatch.setattr(EntityEmbeddingEncoder, name, noted(method))
    yield
    for encoder, X in fitted[:20]:
        path = folder / f"{len(found)}.safetensors"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                features = encoder.transform(X)
            except SkEntityError:
                continue  # handle_unknown="error" or the like
            encoder.save(path, omit_code=True)
            loaded = EntityEmbeddingEncoder.load(path)
            again = loaded.transform(X)
        assert type(again) is type(features)
        np.testing.assert_array_equal(np.asarray(again), np.asarray(features))
        assert list(loaded.get_feature_names_out()) == [
            *encoder.get_feature_names_out()
        ]
        found.append((path.name, X, np.asarray(features)))
