"""Lazy Adam against dense Adam."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sk_entity import EntityEmbeddingEncoder
from sk_entity._compiled import kernel
from sk_entity._learning import building
from sk_entity._learning import kernel as compiled_step
from sk_entity._learning.lazy_adam import LazyAdam
from sk_entity._workers import Workers
from sk_entity.datasets import make_entities


def load(optimizer, table, rows):
    if optimizer._workers is None:
        return optimizer.load(table, rows)
    fetched, index = optimizer.fetch(table), rows.int()
    fetched.aim(index.data_ptr(), len(index))
    fetched.fetch()
    return fetched.weight, fetched.gradient, fetched.place[: len(rows)].long()


def train(make, batches, n_rows=40, width=3, decay=True):
    """Follow noisy quadratics of some rows a step; return the table."""
    generator = torch.Generator().manual_seed(0)
    goal = torch.randn(n_rows, width, generator=generator)
    table = torch.nn.Parameter(torch.zeros(n_rows, width))
    optimizer = make(table)
    for step, rows in enumerate(batches):
        noise = torch.randn(len(rows), width, generator=generator)
        if isinstance(optimizer, LazyAdam):
            weight, gradient, place = load(optimizer, table, rows)
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


def compiled(table):
    if kernel is None:  # pragma: no cover
        pytest.skip("built without a compiler")
    optimizer = LazyAdam([table], lr=0.05)
    optimizer.share(Workers(1))
    return optimizer


def dense(table):
    return torch.optim.Adam([table], lr=0.05)


both = pytest.mark.parametrize("make", [lazy, compiled])


@both
def test_rows_of_every_batch_are_those_of_dense_adam(make):
    batches = [torch.arange(40)] * 60
    torch.testing.assert_close(
        train(make, batches), train(dense, batches), rtol=1e-5, atol=1e-6
    )


@both
@pytest.mark.parametrize("per_step", [1, 8])
@pytest.mark.parametrize("decay", [False, True])
def test_rows_of_some_batches_are_those_of_dense_adam(per_step, decay, make):
    generator = torch.Generator().manual_seed(1)
    # Row 0 is never touched; repeats within a batch are added up.
    batches = [
        torch.randint(1, 40, (per_step,), generator=generator) for _ in range(400)
    ]
    actual = train(make, batches, decay=decay)
    torch.testing.assert_close(
        actual, train(dense, batches, decay=decay), rtol=1e-3, atol=1e-4
    )
    assert not actual[0].any()


@both
@pytest.mark.parametrize("missed", [1200, 5000])
def test_a_row_long_untouched_is_brought_up_to_date(missed, make):
    first, other = torch.tensor([3]), torch.tensor([5])
    batches = [first] * 5 + [other] * missed + [first]
    torch.testing.assert_close(
        train(make, batches), train(dense, batches), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("width", [1, 12, 19])
def test_compiled_rows_are_those_of_torch(width):
    """Batches of any size, with repeats; rows that come late, or never."""
    generator = torch.Generator().manual_seed(2)
    sizes = torch.randint(1, 700, (300,), generator=generator)
    batches = [
        (torch.rand(int(n), generator=generator) ** 3 * (3 * i + 9)).long()
        for i, n in enumerate(sizes)
    ]
    found = [train(make, batches, 999, width) for make in (compiled, lazy)]
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


def test_compiled_and_torch_steps_take_turns():
    """Both keep the state in one form: large parameters, decay, late gradients."""

    def numbers(in_turn):
        generator = torch.Generator().manual_seed(0)
        shapes = [(70_000,), (3, 5), (1,), (200_001,)]
        parameters = [
            torch.nn.Parameter(torch.randn(shape, generator=generator))
            for shape in shapes
        ]
        groups = [
            {"params": parameters[:2], "weight_decay": 0.1},
            {"params": parameters[2:], "lr": 0.03},
        ]
        optimizer = LazyAdam(groups, lr=0.01, fused=True)
        for i in range(12):
            if in_turn and not i % 4:
                optimizer.share(Workers(1) if i != 4 else None)
            for parameter in parameters[: 2 + i]:
                parameter.grad = torch.randn(parameter.shape, generator=generator)
            optimizer.param_groups[0]["lr"] *= 0.9
            optimizer.step() if i % 2 else optimizer.quick_step()
        return [parameter.detach() for parameter in parameters]

    if kernel is None:  # pragma: no cover
        pytest.skip("built without a compiler")
    torch.testing.assert_close(numbers(True), numbers(False), rtol=1e-4, atol=1e-6)


def test_options_that_compiled_code_does_not_know_are_left_to_torch():
    optimizer = LazyAdam([torch.nn.Parameter(torch.ones(2))], amsgrad=True)
    optimizer.share(Workers(1))
    assert optimizer._workers is None


def test_hooks_of_the_users_are_called():
    weight, calls = torch.nn.Parameter(torch.ones(2)), []
    optimizer = LazyAdam([weight])
    optimizer.share(Workers(1))
    optimizer.register_step_post_hook(lambda *args: calls.append(1))
    weight.grad = torch.ones(2)
    optimizer.quick_step()
    assert calls == [1]


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


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"early_stopping": True},
        {"shared_embeddings": [["entity_0", "entity_2"]]},
        {"cv": None},
    ],
)
@pytest.mark.parametrize("in_c", [True, False])
def test_an_encoder_learns_the_same_with_lazy_tables(monkeypatch, params, in_c):
    data = make_entities(600, n_categories=(30, 90, 30), random_state=0)
    if not in_c:
        monkeypatch.setattr(compiled_step, "_kernel", None)

    def features():
        given = {"max_epochs": 4, "random_state": 0, "embedding_dim": 2} | params
        encoder = EntityEmbeddingEncoder(**given)
        found = encoder.fit_transform(data.X, data.y)
        return found, encoder.net_.module_.tables, encoder.history_

    dense, tables, history = features()
    assert not tables.is_lazy(0)
    monkeypatch.setattr(building, "_LAZY_SIZE", 0)
    monkeypatch.setattr(building, "_LAZY_SIZE_IN_TORCH", 0)
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
