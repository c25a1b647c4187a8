"""Training that cannot go well says so; corners that can, do."""

import re
import threading
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

import sk_entity
from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import make_entities
from sk_entity.exceptions import DivergenceError, NoCategoricalColumnsWarning

X = pd.DataFrame({"a": list("abcd") * 30, "b": list("xyz") * 40})
Y = np.random.default_rng(0).normal(size=120)


class Broken(torch.nn.Module):
    """A loss that breaks after some calls."""

    def __init__(self, after=0):
        super().__init__()
        self.after, self.calls = after, 0

    def forward(self, p, t):
        self.calls += self.training
        loss = (p - t).pow(2)
        return loss * (float("nan") if self.calls > self.after else 1.0)


@pytest.mark.parametrize(
    "params",
    [
        {"loss": Broken(), "cv": None},
        {"loss": Broken(), "crosses": None},
        {"learning_rate": 1e10, "cv": None},
        {"learning_rate": 1e10, "crosses": None},
        {"learning_rate": 1e30},
    ],
)
def test_divergence_is_told(params):
    encoder = EntityEmbeddingEncoder(max_epochs=3, random_state=0, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            features = encoder.fit_transform(X, Y)
        except DivergenceError as error:
            assert "learning rates of" in str(error)  # noqa: PT017
            assert not hasattr(encoder, "embeddings_")
        else:
            assert np.isfinite(features).all()


class Batches(Callback):
    """With it skorch's own loop runs."""

    def on_batch_end(self, net, **kwargs):
        pass


@pytest.mark.parametrize("callbacks", [[], [Batches]])
def test_a_broken_loss_names_the_epoch(callbacks):
    encoder = EntityEmbeddingEncoder(
        max_epochs=3, loss=Broken(), net_params={"callbacks": callbacks}
    )
    with pytest.raises(DivergenceError, match=r"in epoch 1, with learning rates"):
        encoder.fit(X, Y)


@pytest.mark.parametrize("scale", [1e-200, 1e-50, 1e-20, 1e20, 1e100, 1e200])
@pytest.mark.parametrize(
    "loss", ["auto", "absolute_error", "huber", "poisson", "gamma"]
)
def test_targets_of_any_size_work_or_are_refused(scale, loss):
    y = np.tile([1.0, 2.0, 3.0, 4.0], 30)
    encoder = EntityEmbeddingEncoder(max_epochs=40, random_state=0, loss=loss)
    if not 1e-30 < scale < 1e30:
        with pytest.raises(ValueError, match="target y holds numbers of the size"):
            encoder.fit(X, y * scale)
        return
    predicted = encoder.fit(X, y * scale).transform(X)[:, -1] / scale
    assert np.corrcoef(predicted, y)[0, 1] > 0.5


@pytest.mark.parametrize("weight", [1e-300, 1e-100, 1e100, 1e300])
def test_weights_of_any_size_work(weight):
    encoder = EntityEmbeddingEncoder(max_epochs=3, random_state=0)
    out = encoder.fit_transform(X, Y, sample_weight=np.full(120, weight))
    assert np.isfinite(out).all()
    with pytest.raises(ValueError, match="sample_weight adds up"):
        encoder.fit(X, Y, sample_weight=np.full(120, 1e308))


def test_threads_are_what_they_were_after_fits_at_once():
    data = make_entities(500, random_state=0)
    before = torch.get_num_threads()
    torch.set_num_threads(2)

    def in_new_thread():
        found = []
        thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        return found[0]

    def fit(seed):
        EntityEmbeddingEncoder(max_epochs=1 + seed, random_state=seed).fit(
            data.X, data.y
        )

    try:
        for _ in range(3):
            threads = [threading.Thread(target=fit, args=(k,)) for k in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert torch.get_num_threads() == 2
            assert in_new_thread() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    "columns", [["a"], ["a", "n"], ["same"], ["same", "a"], ["two"]]
)
def test_self_supervision_with_few_columns(columns):
    frame = X.assign(n=np.arange(120.0), same="s", two=list("pq") * 60)[columns]
    encoder = EntityEmbeddingEncoder(loss="self_supervised", max_epochs=2)
    assert np.isfinite(encoder.fit_transform(frame)).all()


def test_self_supervision_with_nothing_to_hide():
    numbers = pd.DataFrame({"n": np.arange(20.0)})
    encoder = EntityEmbeddingEncoder(loss="self_supervised", max_epochs=2)
    with pytest.warns(NoCategoricalColumnsWarning):
        assert encoder.fit_transform(numbers).shape == (20, 1)
    lists = pd.DataFrame({"tags": [["a", "b"], ["b"]] * 10})
    with pytest.raises(ValueError, match="all categorical columns are multivalued"):
        encoder.set_params(multivalued=["tags"]).fit(lists)


def test_weights_are_rows_for_self_supervision_to_the_bit():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": rng.choice(list("abc"), 60), "b": rng.choice(list("xy"), 60)}
    )
    weight = rng.integers(0, 4, 60)
    rows = np.repeat(np.arange(60), weight)

    def fit(frame, **weights):
        encoder = EntityEmbeddingEncoder(
            loss="self_supervised", max_epochs=5, random_state=0
        )
        return encoder.fit(frame, **weights).transform(X[:3].assign(b="x"))

    weighted = fit(frame, sample_weight=weight)
    np.testing.assert_array_equal(weighted, fit(frame.iloc[rows]))


def test_warnings_point_at_the_users_line():
    numbers = pd.DataFrame({"n": np.arange(20.0)})
    encoder = EntityEmbeddingEncoder(max_epochs=1)
    for call in (
        lambda: encoder.fit(numbers, numbers["n"]),
        lambda: encoder.fit_transform(numbers, numbers["n"]),
        lambda: make_pipeline(encoder, Ridge()).fit(numbers, numbers["n"]),
    ):
        with pytest.warns(NoCategoricalColumnsWarning) as seen:
            call()
        assert seen[0].filename == __file__


def test_what_an_encoder_tells():
    encoder = EntityEmbeddingEncoder(max_epochs=1, random_state=0)
    assert repr(encoder) == "EntityEmbeddingEncoder(max_epochs=1, random_state=0)"
    encoder.fit(X, Y)
    assert repr(encoder).endswith(
        "# learned 2 columns (a 4 -> 1, b 3 -> 1) from 120 rows"
    )
    page = encoder._repr_html_()
    assert "learned 2 columns" in page
    assert "sk_entity.EntityEmbeddingEncoder.html" in page
    assert "EntityEmbeddingEncoder" in repr(make_pipeline(encoder))
    with pytest.raises(
        TypeError, match=r"^EntityEmbeddingEncoder got .*'embedding_dim'"
    ):
        EntityEmbeddingEncoder(embeding_dim=3)
    with pytest.raises(
        ValueError, match=r"unknown parameter 'bach_size'.*'batch_size'"
    ):
        encoder.set_params(bach_size=3)
    assert not [
        name
        for name in dir(sk_entity)
        if name.startswith("_") and name != "__version__"
    ]
    assert all(getattr(sk_entity, name) is not None for name in dir(sk_entity))


def test_what_an_encoder_tells_stays_on_its_line():
    odd = X.set_axis(["a\nb\r\x1b[1m", "price \u2028é"], axis=1)
    encoder = EntityEmbeddingEncoder(max_epochs=1, random_state=0).fit(odd, Y)
    assert repr(encoder).endswith(
        r"(a\nb\r\x1b[1m 4 -> 1, price \u2028é 3 -> 1) from 120 rows"
    )
    assert repr(encoder).isprintable()
    (learned,) = re.findall("<p class=.sk-entity-learned.*</p>", encoder._repr_html_())
    assert "price" in learned


def test_subclasses_may_have_parameters_of_their_own():
    class Short(EntityEmbeddingEncoder):
        def __init__(self, cols="all", epochs=1):
            super().__init__(cols, max_epochs=epochs)
            self.cols, self.epochs = cols, epochs

    assert Short(epochs=3).max_epochs == 3
    with pytest.raises(TypeError, match="epoch"):
        Short(epoch=3)
