"""The compiled step against torch's operations and autograd."""

import numpy as np
import pytest
import torch
from sklearn.model_selection import TimeSeriesSplit
from skorch.callbacks import Callback

from sk_entity import EntityEmbeddingEncoder
from sk_entity._learning import heads, kernel
from sk_entity._learning.net import EntityNet
from sk_entity.datasets import make_entities
from sk_entity.losses import Huber, LogLoss, Quantile, Tweedie

if kernel._kernel is None:  # pragma: no cover
    pytest.skip("built without a compiler", allow_module_level=True)

DATA = make_entities(700, n_categories=(9, 5, 40), random_state=0)
X = DATA.X.assign(number=np.linspace(-1, 3, 700))
POSITIVE = np.abs(DATA.y) + 0.1
COUNTS = np.round(POSITIVE)
CASES = {
    "squared": (DATA.y, {}),
    "binary": (DATA.y > 0, {}),
    "weighted classes": (DATA.y > 1, {"loss": LogLoss("balanced")}),
    "three classes": (np.digitize(DATA.y, [-1, 1]), {}),
    "more classes than a line pays for": (np.arange(700) % 13, {}),
    "poisson": (COUNTS, {"loss": "poisson"}),
    "gamma": (POSITIVE, {"loss": "gamma"}),
    "tweedie": (COUNTS, {"loss": Tweedie(1.5)}),
    "absolute": (DATA.y, {"loss": "absolute_error"}),
    "huber": (DATA.y, {"loss": Huber(0.7)}),
    "quantile": (DATA.y, {"loss": Quantile(0.3)}),
    "no folds": (DATA.y, {"cv": None}),
    "a line": (DATA.y, {"net": ()}),
    "odd widths": (DATA.y, {"net": (17, 33, 5)}),
    "shared": (DATA.y, {"shared_embeddings": [["entity_0", "entity_1"]]}),
    "early stopping": (DATA.y, {"early_stopping": True}),
    "many folds": (DATA.y, {"cv": 12}),
    "splits of time": (DATA.y, {"cv": TimeSeriesSplit(5, gap=20)}),
    "splits of time, classes": (DATA.y > 0, {"cv": TimeSeriesSplit(3)}),
}


@pytest.fixture
def both_ways(monkeypatch):
    """Each step also in torch's operations; return how far apart gradients are."""
    found, step = [], EntityNet.train_step_single

    def gradients(net):
        parameters = net.module_.parameters()
        return [parameter.grad.clone() for parameter in parameters]

    def train_step_single(net, batch, **params):
        compiled, state = net.kernel, net.generator.get_state()
        assert compiled is not None
        net.kernel = None
        net.optimizer_.zero_grad(set_to_none=False)
        expected, by_torch = step(net, batch), gradients(net)
        net.optimizer_.zero_grad(set_to_none=False)
        net.kernel = compiled
        net.generator.set_state(state)
        actual = step(net, batch)
        torch.testing.assert_close(actual["loss"], expected["loss"])
        torch.testing.assert_close(actual["y_pred"], expected["y_pred"])
        for a, b in zip(gradients(net), by_torch, strict=True):
            size = b.abs().max()
            found.append(float((a - b).abs().max() / size) if size else 0.0)
        return actual

    monkeypatch.setattr(EntityNet, "train_step_single", train_step_single)
    return found


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_autograd(case, both_ways):
    y, params = CASES[case]
    weight = np.linspace(0.5, 2, 700)
    encoder = EntityEmbeddingEncoder(
        max_epochs=2, batch_size=521, random_state=0, add_prediction=False, **params
    )
    encoder.fit(X, y, sample_weight=weight)
    assert len(both_ways) > 20
    assert max(both_ways) < 1e-4


@pytest.mark.parametrize(
    "case", ["squared", "three classes", "poisson", "splits of time"]
)
def test_heads_learn_as_they_do_by_autograd(case, monkeypatch):
    y, params = CASES[case]

    def predictions():
        encoder = EntityEmbeddingEncoder(max_epochs=2, random_state=0, **params)
        features = encoder.set_output(transform="pandas").fit_transform(X, y)
        return features[encoder.feature_groups_["prediction"]].to_numpy()

    compiled = predictions()
    monkeypatch.setattr(heads, "can_learn", lambda *args: False)
    np.testing.assert_allclose(predictions(), compiled, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("case", ["squared", "more classes than a line pays for"])
def test_without_a_compiler_nearly_the_same_is_learned(case, monkeypatch):
    y, params = CASES[case]

    def features():
        encoder = EntityEmbeddingEncoder(
            max_epochs=2, random_state=0, add_prediction=False, **params
        )
        return encoder.fit_transform(X, y)

    compiled = features()
    monkeypatch.setattr(kernel, "_kernel", None)
    np.testing.assert_allclose(features(), compiled, rtol=1e-3, atol=1e-3)


def test_parts_depend_on_the_batch_alone():
    for n_rows in (1, 100, 511, 512, 520, 2048, 100_000):
        parts = kernel.parts_of(n_rows)
        assert len(parts) <= kernel.MOST_PARTS
        covered = [row for first, last in parts for row in range(first, last)]
        assert covered == list(range(n_rows))


def test_the_kernel_refuses_what_it_cannot_read():
    with pytest.raises(TypeError, match="4 numbers"):
        kernel._kernel.part(1, 2)
    with pytest.raises(TypeError, match="4 numbers"):
        kernel._kernel.column(1)
    with pytest.raises(TypeError):
        kernel._kernel.part("a", 0, 0, 0)
    with pytest.raises(TypeError):
        kernel._kernel.column(0, "a", 0, 0)


def test_a_callback_that_listens_to_batches_changes_nothing():
    """skorch's own loop then runs, which records every batch and clears gradients."""

    class Listen(Callback):
        def on_batch_end(self, net, **kwargs):
            self.heard_ = getattr(self, "heard_", 0) + 1

    def features(**params):
        encoder = EntityEmbeddingEncoder(random_state=0, **params)
        return encoder.fit_transform(X, DATA.y), encoder.history_

    quiet, history = features()
    heard, same = features(net_params={"callbacks": [Listen()]})
    np.testing.assert_array_equal(heard, quiet)
    np.testing.assert_allclose(same["train_loss"], history["train_loss"], rtol=1e-5)
