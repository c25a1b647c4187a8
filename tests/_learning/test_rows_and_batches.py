"""Merging rows, slicing batches, scaling numbers, choosing sizes."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from sk_entity import EntityEmbeddingEncoder
from sk_entity._features.scaling import NumericScaler
from sk_entity._learning import predicting, trainer
from sk_entity._learning.batches import BatchIterator, TensorRows
from sk_entity._learning.net import EntityNet
from sk_entity._learning.rows import Rows
from sk_entity._learning.sizes import auto_dim, schedule
from sk_entity.datasets import make_entities


def make_rows(n=50, seed=0):
    rng = np.random.default_rng(seed)
    numeric = rng.integers(0, 2, (n, 1)).astype(float)
    numeric[numeric == 1] = np.nan
    return Rows(
        rng.integers(0, 3, (n, 2)),
        numeric,
        rng.integers(0, 2, n),
        rng.integers(0, 3, n).astype(float),
        rng.integers(0, 2, n),
    )


def as_counts(rows):
    counts = {}
    for i in range(len(rows)):
        key = (*rows.codes[i], str(rows.numeric[i, 0]), rows.target[i], rows.fold[i])
        counts[key] = counts.get(key, 0) + rows.weight[i]
    return {key: count for key, count in counts.items() if count}


def test_merging_adds_weights_up_and_forgets_the_order():
    rows = make_rows()
    merged = rows.merged()
    assert as_counts(merged) == as_counts(rows)
    assert len(merged) == len(as_counts(rows)) < len(rows)
    shuffled = rows.take(np.random.default_rng(1).permutation(50)).merged()
    np.testing.assert_array_equal(merged.codes, shuffled.codes)
    np.testing.assert_array_equal(merged.weight, shuffled.weight)


def make_tensors(n=10):
    rows = torch.arange(n)
    return TensorRows(
        codes=rows[:, None],
        numeric=torch.zeros(n, 0),
        table=rows % 3,
        target=rows.float(),
        weight=torch.ones(n),
        lesson=torch.ones(n),
    )


def test_batches_cover_every_row_once_in_a_new_order_each_epoch():
    iterator = BatchIterator(make_tensors(), 4, torch.Generator().manual_seed(0))
    epochs = [torch.cat([target for _, (target, *_) in iterator]) for _ in range(2)]
    assert len(iterator) == 3
    for epoch in epochs:
        assert sorted(epoch.tolist()) == list(range(10))
    assert epochs[0].tolist() != epochs[1].tolist()


class Ragged(TensorRows):
    """Rows that come in chunks of any size."""

    def shuffled(self, size, generator):
        start = 0
        for n in itertools.cycle([3, 0, 50, 1, 7]):
            if start >= len(self):
                return
            yield self.cut(slice(start, start + n))
            start += n


@pytest.mark.parametrize("source", [TensorRows, Ragged])
@pytest.mark.parametrize("size", [1, 2, 7, 40, 99, 100, 200])
@pytest.mark.parametrize("n_rows", [1, 2, 39, 41, 99, 100])
def test_batches_of_an_epoch_are_of_equal_size_but_for_one_row(n_rows, size, source):
    rows = source(**vars(make_tensors(n_rows)))
    batches = list(BatchIterator(rows, size))
    sizes = [len(target) for _, (target, *_) in batches]
    assert len(sizes) == math.ceil(n_rows / size)
    assert max(sizes) <= min(size, min(sizes) + 1)
    for name, found in (
        ("codes", torch.cat([inputs["codes"] for inputs, _ in batches])),
        ("target", torch.cat([target for _, (target, *_) in batches])),
    ):
        torch.testing.assert_close(found, getattr(rows, name))


def test_masking_replaces_a_share_of_the_codes_by_unknown():
    rows = make_tensors(10_000)
    rows = replace(rows, codes=torch.ones(10_000, 3, dtype=torch.int32))
    masked = BatchIterator(rows, 100, torch.Generator().manual_seed(0), None, 0.25)
    codes = torch.cat([inputs["codes"] for inputs, _ in masked])
    assert abs(float((codes == 0).float().mean()) - 0.25) < 0.02
    judged = BatchIterator(rows, 100, unknown_probability=0.25)
    assert all((inputs["codes"] == 1).all() for inputs, _ in judged)


def test_rows_that_do_not_fit_on_the_device_travel_in_chunks(monkeypatch):
    """Same code path, same bits: here the device is the CPU."""
    data = make_entities(2000, n_categories=(9, 5), random_state=0)

    def features():
        encoder = EntityEmbeddingEncoder(max_epochs=2, random_state=0)
        return encoder.fit_transform(data.X, data.y)

    on_device = features()
    monkeypatch.setattr(trainer, "_room", lambda device: 0)
    moved = []
    move = TensorRows.to
    monkeypatch.setattr(
        TensorRows,
        "to",
        lambda rows, device: moved.append(len(rows)) or move(rows, device),
    )
    np.testing.assert_array_equal(features(), on_device)
    assert len(moved) > 2


def test_rows_take_half_of_what_is_free_on_a_gpu_or_stay_in_pinned_memory(monkeypatch):
    free = [1e9]
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free[0], 2e9))
    monkeypatch.setattr(torch.Tensor, "pin_memory", torch.Tensor.clone)
    monkeypatch.setattr(TensorRows, "to", lambda rows, device: device)
    rows = make_tensors()
    assert rows.n_bytes == 10 * (8 + 8 + 4 + 4 + 4)
    assert trainer._room("cpu") == np.inf
    assert trainer._place(rows, "cuda:0") == "cuda:0"
    free[0] = 100
    assert trainer._place(rows, "cuda:0").codes.tolist() == rows.codes.tolist()


def test_heads_learn_from_a_sample_of_very_many_rows(monkeypatch):
    data = make_entities(1000, n_categories=(9, 5), random_state=0)
    encoder = EntityEmbeddingEncoder(max_epochs=2, random_state=0)
    read = []
    fit_heads = predicting.fit_heads
    monkeypatch.setattr(
        predicting,
        "fit_heads",
        lambda heads, module, rows, *args, **kwargs: (
            read.append(len(rows)) or fit_heads(heads, module, rows, *args, **kwargs)
        ),
    )
    encoder.fit(data.X, data.y)
    monkeypatch.setattr(predicting, "HEAD_BUDGET", 3)
    encoder.fit(data.X, data.y)
    assert read == [1000, 3 * 128]


@pytest.mark.parametrize("n_views", [1, 2, 3])
def test_a_row_is_never_shown_to_its_own_table(n_views):
    net = EntityNet(
        None, criterion=None, n_folds=3, n_views=n_views, generator=torch.Generator()
    )
    own = torch.arange(300) % 3
    table, seen = net._learners(own)
    assert table.shape == (300, n_views)
    assert (table != own[:, None]).all()
    assert (seen.sum(dim=1) == n_views).all()
    assert (seen.gather(1, table) == 1).all()
    assert (table.sort(dim=1).values.diff(dim=1) > 0).all()  # distinct
    shown = table.flatten().bincount(minlength=4) / table.numel()  # 3 sees all rows
    torch.testing.assert_close(shown, torch.tensor([2, 2, 2, 3]) / 9, rtol=0, atol=0.06)


def test_scaler_is_robust_and_marks_missing_values():
    rng = np.random.default_rng(0)
    values = np.stack(
        [
            rng.normal(5, 2, 1000),
            np.exp(rng.normal(0, 20, 1000)),
            np.full(1000, 7.0),
            np.full(1000, np.nan),
            np.where(np.arange(1000) % 100, 0.0, 1e308),
        ],
        axis=1,
    )
    values[0, 0] = np.nan
    scaler = NumericScaler.fit(values, np.ones(1000))
    inputs = scaler.transform(values)
    assert inputs.shape == (1000, 5 + 2)
    assert inputs.dtype == np.float32
    assert np.abs(inputs[:, :5]).max() <= 3
    assert inputs[0, 0] == 0
    assert inputs[0, 5] == 1
    assert (inputs[:, 2:4] == 0).all()
    assert abs(inputs[:, 0].std() - 0.9) < 0.1


def test_scaler_weights_count_rows():
    rng = np.random.default_rng(0)
    values, weight = rng.normal(size=(200, 2)), rng.integers(1, 4, 200)
    weighted = NumericScaler.fit(values, weight.astype(float))
    repeated = NumericScaler.fit(values.repeat(weight, axis=0), np.ones(weight.sum()))
    np.testing.assert_allclose(weighted.center, repeated.center)
    np.testing.assert_allclose(weighted.scale, repeated.scale)


def test_sizes():
    assert auto_dim(1115, 180) == 6
    assert auto_dim(10**6, 10**6) == 8
    assert auto_dim(0, 0) == auto_dim(5000, 2.5) == 1
    plan = schedule(10_000_000, "auto", "auto", budget=4000)
    assert (plan.batch_size, plan.epochs) == (2048, 1)
    assert schedule(30, "auto", "auto", budget=4000).epochs == 40
    assert schedule(75_000, "auto", "auto", budget=4000).epochs == 80
    assert schedule(1000, 100, 7, budget=4000).steps == 70
