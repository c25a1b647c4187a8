"""Fold heads: which rows teach which, and the numpy predictor beside torch."""

import numpy as np
import torch
from skorch.callbacks import Callback

from sk_entity import EntityEmbeddingEncoder
from sk_entity._features.prediction import Predictor
from sk_entity._learning import predicting
from sk_entity._learning.batches import TensorRows
from sk_entity._learning.heads import FoldHeads, mean_losses
from sk_entity._learning.losses import OneLoss
from sk_entity._learning.modules import Decoder
from sk_entity._learning.rows import Rows
from sk_entity._target import Goal, Objective, Units
from sk_entity.datasets import make_entities


def squared(output, target):
    return (output[:, 0] - target).square()


def rows_of(fold, target=None):
    n = len(fold)
    target = torch.randn(n) if target is None else target
    nothing = torch.empty(n, 0)
    return TensorRows(nothing, nothing, fold, target, torch.ones(n), torch.ones(n))


def test_a_head_gets_no_gradient_from_the_rows_of_its_fold():
    heads = FoldHeads(3, (4,), 1, 3, torch.Generator().manual_seed(0))
    fold = torch.tensor([0, 0, 0, 1, 1, 1])
    output = heads(torch.randn(6, 3))
    output.retain_grad()
    mean_losses(OneLoss(squared), output, rows_of(fold)).backward()
    teaches = (output.grad[:, :, 0] != 0).numpy()
    np.testing.assert_array_equal(teaches[0], fold != 0)
    np.testing.assert_array_equal(teaches[1], fold != 1)
    assert teaches[2].all()


def test_a_decoder_is_its_own_only_head():
    generator = torch.Generator().manual_seed(0)
    decoder = Decoder(5, (8, 4), 2, 0.5, generator).eval()
    x = torch.randn(30, 5)
    with torch.no_grad():
        torch.testing.assert_close(FoldHeads.of(decoder)(x)[0], decoder(x))


def test_heads_are_trained_only_where_the_decoder_cannot_predict(monkeypatch):
    data = make_entities(200, n_categories=(6, 4), random_state=0)
    trained = []
    fit_heads = predicting.fit_heads
    monkeypatch.setattr(
        predicting, "fit_heads", lambda *a, **k: trained.append(1) or fit_heads(*a, **k)
    )

    def trains_heads(**params):
        trained.clear()
        encoder = EntityEmbeddingEncoder(max_epochs=1, random_state=0, **params)
        encoder.fit(data.X, data.y)
        return bool(trained)

    assert trains_heads(), "the shared decoder has seen every row"
    plain = {"cv": None, "add_prediction": True}
    assert not trains_heads(**plain)
    assert not trains_heads(**plain, net=())
    assert trains_heads(**plain, net=torch.nn.Linear), "numpy cannot run it"


def test_the_predictor_is_the_stacked_heads_in_numpy():
    heads = FoldHeads(5, (8, 4), 2, 3, torch.Generator().manual_seed(1))
    weights, biases, skip = (
        [part.detach() for part in parts] for parts in heads.layers()
    )
    skip = torch.stack(skip).normal_()
    heads.layers()[2].data.copy_(skip)
    rng = np.random.default_rng(0)
    vectors = [rng.normal(size=(50, d)).astype(np.float32) for d in (2, 3)]

    class NoNumbers:
        def transform(self, values):
            return values.astype(np.float32)

    predictor = Predictor(
        scaler=NoNumbers(),
        layers=[
            (w.mT.numpy(), b.numpy()) for w, b in zip(weights, biases, strict=True)
        ],
        skip=skip.mT.numpy(),
        objective=Objective((Goal("", "continuous", None, "squared_error"),) * 2),
        units=(Units(10.0, 2.0),) * 2,
    )
    head = rng.integers(0, 3, 50)
    x = torch.as_tensor(np.hstack(vectors))
    with torch.no_grad():
        expected = 10 + 2 * heads(x).numpy()[head, np.arange(50)]
    numeric = np.empty((50, 0))
    predicted = predictor.predict(vectors, numeric, head)
    # Sums of float32 around 10 have six decimals.
    np.testing.assert_allclose(predicted, expected, rtol=1e-4, atol=1e-5)
    last = predictor.predict(vectors, numeric)
    np.testing.assert_array_equal(predictor.final().predict(vectors, numeric), last)


def test_features_of_a_fold_depend_on_no_target_of_the_fold(monkeypatch):
    """Vectors, statistics and support are, the shared decoder held still, to the bit.

    The prediction is not: its head has not seen the fold, but learned from vectors of
    other rows that have.
    """
    # Equal rows are merged in an order that depends on targets: keep the order.
    monkeypatch.setattr(Rows, "merged", lambda rows, bags: rows)
    data = make_entities(400, n_categories=(6, 4), random_state=0)
    X = data.X.assign(number=np.random.default_rng(0).normal(size=400))
    fold = np.arange(400) % 4
    splits = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(4)]

    class Freeze(Callback):
        """Keep the shared decoder as it starts: it is what folds share."""

        def on_grad_computed(self, net, **kwargs):
            parameters = [net.module_.tables.prior, *net.module_.decoder.parameters()]
            for parameter in parameters:
                parameter.grad.zero_()

    def features(y):
        encoder = EntityEmbeddingEncoder(
            embedding_dim=2,
            cv=splits,
            max_epochs=3,
            crosses=[("entity_0", "entity_1"), ("entity_0", "number")],
            add_statistics=True,
            add_prediction=False,
            net_params={"optimizer__weight_decay": 0.0, "callbacks": [Freeze()]},
            random_state=0,
        )
        return encoder.fit_transform(X, y)

    # The swap keeps the mean and the spread, which scale the target.
    swapped = data.y.copy()
    own = np.flatnonzero(fold == 0)
    swapped[own] = swapped[own[::-1]]
    before, after = features(data.y), features(swapped)
    np.testing.assert_array_equal(before[own], after[own])
    assert not np.allclose(before[fold == 1], after[fold == 1], rtol=1e-3)
