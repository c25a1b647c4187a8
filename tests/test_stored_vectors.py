"""What is learned is what was learned before: features of small fits, stored once.

``python tests/test_stored_vectors.py`` writes them anew, after a change that is meant.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import make_entities

STORED = Path(__file__).parent / "data" / "vectors.npz"
DATA = make_entities(200, n_categories=(9, 5, 20), random_state=0)
X = DATA.X.assign(number=np.linspace(-1, 3, 200), text=["old oak", "new oak"] * 100)
COUNTS = np.arange(200) % 4
LABELS = np.array(["low", "middle", "high"])[np.arange(200) % 3]


def two_fits(**params):
    encoder = EntityEmbeddingEncoder(**params).fit(X[:120], DATA.y[:120])
    return encoder.partial_fit(X[120:], DATA.y[120:]).transform(X)


def stream(**params):
    frames = (X[i : i + 50].assign(y=DATA.y[i : i + 50]) for i in range(0, 200, 50))
    return EntityEmbeddingEncoder(**params).fit_stream(frames, "y").transform(X)


def fit_transform(y, **params):
    return EntityEmbeddingEncoder(**params).fit_transform(X, y)


FITS = {
    "numbers": lambda **p: fit_transform(DATA.y, **p),
    "classes": lambda **p: fit_transform(LABELS, add_statistics=True, **p),
    "counts": lambda **p: fit_transform(COUNTS, loss="poisson", **p),
    "subwords": lambda **p: fit_transform(DATA.y, subwords=["text"], cv=None, **p),
    "hidden": lambda **p: fit_transform(None, loss="self_supervised", **p),
    "further": two_fits,
    "stream": stream,
}


def features(name):
    found = FITS[name](max_epochs=3, random_state=0, embedding_dim=2)
    return np.asarray(found[::10], dtype=np.float32)


@pytest.mark.parametrize("name", FITS)
def test_features_are_those_that_were_stored(name):
    with np.load(STORED) as stored:
        # Processors round sums differently, in the last bits.
        np.testing.assert_allclose(features(name), stored[name], atol=1e-4, rtol=1e-4)


if __name__ == "__main__":
    STORED.parent.mkdir(exist_ok=True)
    np.savez_compressed(STORED, **{name: features(name) for name in FITS})
    print(pd.Series({name: features(name).shape for name in FITS}))
