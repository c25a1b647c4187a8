"""Tables in their principal axes: the same net, coordinates in order."""

import numpy as np
import pytest
import torch

from sk_entity import EntityEmbeddingEncoder
from sk_entity._learning import trainer
from sk_entity._learning.axes import principal_axes, turn
from sk_entity.datasets import make_entities

DATA = make_entities(900, n_categories=(16, 30, 16), random_state=0)
SHARED = {"shared_embeddings": [["entity_0", "entity_2"]]}


def test_axes_are_those_of_the_weighted_covariance():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 3)) + 5
    count = rng.integers(0, 9, 50).astype(float)
    rotation, shares = principal_axes(vectors, count)
    turned = vectors @ rotation
    covariance = np.cov(turned.T, aweights=count)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-9)
    np.testing.assert_allclose(shares, np.diag(covariance) / np.trace(covariance))
    assert (np.diff(shares) <= 0).all()
    assert (rotation[np.abs(rotation).argmax(axis=0), range(3)] > 0).all()


def test_vectors_that_do_not_differ_have_no_axis():
    rotation, shares = principal_axes(np.ones((4, 2)), np.ones(4))
    assert np.isfinite(rotation).all()
    assert shares.tolist() == [0, 0]
    assert principal_axes(np.ones((4, 2)), np.zeros(4))[1].tolist() == [0, 0]


@pytest.mark.parametrize("params", [{}, SHARED, {"cv": None}, {"net": ()}])
def test_what_the_net_says_stays_the_same(params, monkeypatch):
    outputs = []

    def watched(module, counts, some):
        codes = torch.tensor([[1, 2, 3], [0, 5, 1], [4, 0, 0]])
        numeric = torch.linspace(-1, 1, 3)[:, None]
        tables = [torch.full((3,), k) for k in range(module.tables.n_tables)]
        before = [module(codes, numeric, table) for table in tables]
        distances = [torch.cdist(t, t) for t in module.tables.tables()]
        shares = turn(module, counts, some)
        after = [module(codes, numeric, table) for table in tables]
        torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-5)
        apart = [torch.cdist(t, t) for t in module.tables.tables()]
        torch.testing.assert_close(apart, distances, atol=1e-3, rtol=1e-3)
        outputs.append(shares)
        return shares

    monkeypatch.setattr(trainer, "turn", watched)
    encoder = EntityEmbeddingEncoder(max_epochs=5, random_state=0, **params)
    encoder.fit(DATA.X, DATA.y)
    (shares,) = outputs
    for table, of_table in zip(encoder._learned.vectors, shares, strict=True):
        assert len(of_table) == table.shape[1] == 4
        assert of_table.sum() == pytest.approx(1)


def test_given_dimensions_and_nets_are_left_as_they_are(monkeypatch):
    asked = []
    monkeypatch.setattr(
        trainer, "turn", lambda m, c, some: asked.append(list(some)) or turn(m, c, some)
    )
    encoder = EntityEmbeddingEncoder(max_epochs=1, random_state=0)
    encoder.set_params(embedding_dim={"entity_1": 3}).fit(DATA.X, DATA.y)
    assert asked.pop() == [0, 2]
    encoder.partial_fit(DATA.X, DATA.y)
    assert asked.pop() == []
    encoder.set_params(embedding_dim="auto", net=torch.nn.Linear).fit(DATA.X, DATA.y)
    assert asked.pop() == [0, 1, 2]
    # Nobody knows how to turn it: all coordinates are output.
    assert len(encoder.feature_groups_["entity_1"]) == 4 + 1
