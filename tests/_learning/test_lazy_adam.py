"""Lazy Adam against dense Adam."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sk_entity import EntityEmbeddingEncoder
from sk_entity._learning import building
from sk_entity._learning.lazy_adam import LazyAdam
from sk_entity.datasets import make_entities


def train(make, batches, n_rows=40, width=3, decay=True):
    """Follow noisy quadratics of some rows a step; return the table."""
    generator = torch.Generator().manual_seed(0)
    goal = torch.randn(n_rows, width, generator=generator)
    table = torch.nn.Parameter(torch.zeros(n_rows, width))
    optimizer = make(table)
    for step, rows in enumerate(batches):
        noise = torch.randn(len(rows), width, generator=generator)
        if isinstance(optimizer, LazyAdam):
            weight, gradient, place = optimizer.load(table, rows)
        else:
            weight, place = table.detach(), rows
            table.grad = gradient = torch.zeros_like(weight)
        gradient.index_add_(0, place, weight[place] - goal[rows] + 0.1 * noise)
        if decay:
            for group in optimizer.param_groups:
                group["lr"] = 0.05 * (1 - step / len(batches))
        optimizer.step()
    if isinstance(optimizer, LazyAdam):
        optimizer.settle()
    return table.detach()


def lazy(table):
    return LazyAdam([table], lr=0.05)


def dense(table):
    return torch.optim.Adam([table], lr=0.05)


def test_rows_of_every_batch_are_those_of_dense_adam():
    batches = [torch.arange(40)] * 60
    torch.testing.assert_close(
        train(lazy, batches), train(dense, batches), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("per_step", [1, 8])
@pytest.mark.parametrize("decay", [False, True])
def test_rows_of_some_batches_are_those_of_dense_adam(per_step, decay):
    generator = torch.Generator().manual_seed(1)
    # Row 0 is never touched; repeats within a batch are added up.
    batches = [
        torch.randint(1, 40, (per_step,), generator=generator) for _ in range(400)
    ]
    actual = train(lazy, batches, decay=decay)
    torch.testing.assert_close(
        actual, train(dense, batches, decay=decay), rtol=1e-3, atol=1e-4
    )
    assert not actual[0].any()


def test_a_row_long_untouched_is_brought_up_to_date():
    first, other = torch.tensor([3]), torch.tensor([5])
    batches = [first] * 5 + [other] * 1200 + [first]
    torch.testing.assert_close(
        train(lazy, batches), train(dense, batches), rtol=1e-3, atol=1e-4
    )


def test_other_parameters_have_ordinary_steps():
    table = torch.nn.Parameter(torch.zeros(4, 1))
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = LazyAdam([table, weight], lr=0.1)
    _, gradient, _ = optimizer.load(table, torch.tensor([1]))
    gradient.fill_(1.0)
    loss = optimizer.step(lambda: weight.square().sum().backward() or torch.tensor(2.0))
    assert loss == 2
    assert (weight < 1).all()
    optimizer.settle()
    assert table.flatten().nonzero().tolist() == [[1]]


@pytest.mark.parametrize("early_stopping", [False, True])
def test_an_encoder_learns_the_same_with_lazy_tables(monkeypatch, early_stopping):
    data = make_entities(600, n_categories=(30, 90), random_state=0)

    def features():
        encoder = EntityEmbeddingEncoder(
            max_epochs=4, early_stopping=early_stopping, random_state=0
        )
        found = encoder.fit_transform(data.X, data.y)
        return found, encoder.net_.module_.tables, encoder.history_

    dense, tables, history = features()
    assert not tables.is_lazy(0)
    monkeypatch.setattr(building, "_LAZY_SIZE", 0)
    lazy, tables, lazy_history = features()
    assert tables.is_lazy(0)
    np.testing.assert_allclose(lazy, dense, rtol=1e-2, atol=1e-3)
    losses = [name for name in history if name.endswith("_loss")]
    np.testing.assert_allclose(lazy_history[losses], history[losses], rtol=1e-4)
    # A callback of the user's sees whole tables.
    watched = EntityEmbeddingEncoder(
        max_epochs=1, net_params={"callbacks": [Callback()]}
    )
    assert not watched.fit(data.X, data.y).net_.module_.tables.is_lazy(0)
