"""The same way on a GPU; skipped where there is none."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import TimeSeriesSplit

from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import make_entities

if not torch.cuda.is_available():
    pytest.skip("no GPU", allow_module_level=True)

DATA = make_entities(3000, n_categories=(9, 40, 2500), random_state=0)
X = DATA.X.assign(number=np.linspace(-1, 3, 3000))
CASES = {
    "defaults": (X, DATA.y, {}),
    "vectors": (X, DATA.y, {"add_prediction": False, "crosses": None}),
    "no folds": (X, DATA.y, {"cv": None}),
    "splits of time": (X, DATA.y, {"cv": TimeSeriesSplit(3)}),
    "classes": (X, np.digitize(DATA.y, [-1, 1]), {}),
    "early stopping": (X, DATA.y, {"early_stopping": True}),
    "multi-valued": (
        X.assign(tags=[["a", "b", "c"][: i % 4] for i in range(3000)]),
        DATA.y,
        {"multivalued": ["tags"]},
    ),
    "subwords": (
        X.assign(entity_1=X["entity_1"].astype(str)),
        DATA.y,
        {"subwords": ["entity_1"]},
    ),
}


def encoder(device, **params):
    return EntityEmbeddingEncoder(device=device, max_epochs=8, random_state=0, **params)


@pytest.mark.parametrize("case", CASES)
def test_features_of_a_gpu_are_as_good(case):
    X, y, params = CASES[case]
    losses = [
        encoder(device, **params).fit(X, y).history_["train_loss"].iloc[-1]
        for device in ("cpu", "cuda")
    ]
    # Without folds the net learns rows by heart, and rounding grows with it.
    far = 0.25 if params.get("cv", 5) is None else 0.05
    assert losses[1] == pytest.approx(losses[0], rel=far)


def test_a_fit_on_a_gpu_ends_as_an_encoder_without_one():
    fitted = encoder("cuda")
    features = fitted.fit_transform(X, DATA.y)
    again = encoder("cuda").fit_transform(X, DATA.y)
    # A GPU adds up in no fixed order: heads, trained in a few steps, feel it most.
    np.testing.assert_allclose(features[:, :-3], again[:, :-3], atol=0.01)
    np.testing.assert_allclose(features, again, atol=0.25)
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.transform(X), fitted.transform(X))
    assert all(isinstance(t.vectors, np.ndarray) for t in fitted.embeddings_.values())


def test_a_gpu_learns_what_a_cpu_learns():
    train, new = slice(2400), slice(2400, None)
    found = []
    for device in ("cpu", "cuda"):
        fitted = encoder(device).fit(X[train], DATA.y[train])
        prediction = pd.DataFrame(fitted.transform(X[new])).iloc[:, -1]
        found.append(np.corrcoef(prediction, DATA.y[new])[0, 1])
    assert found[1] == pytest.approx(found[0], abs=0.02)


def test_rows_that_do_not_fit_stay_in_memory(monkeypatch):
    expected = encoder("cuda").fit_transform(X, DATA.y)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 1000))
    actual = encoder("cuda").fit_transform(X, DATA.y)
    np.testing.assert_allclose(actual, expected, atol=0.25)


def test_the_random_state_of_the_gpu_stays():
    torch.cuda.manual_seed(3)
    before = torch.cuda.get_rng_state()
    encoder("cuda").fit(X, DATA.y)
    assert torch.equal(before, torch.cuda.get_rng_state())
