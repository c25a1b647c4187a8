"""Fold tables against plain numpy, and what their gradients may touch."""

import numpy as np
import pytest
import torch

from sk_entity._categories import Layout
from sk_entity._learning.lazy_adam import LazyAdam
from sk_entity._learning.tables import FoldTables

N_CODES, DIMS, N_TABLES = (4, 9, 6), (2, 3, 2), 3


def make_tables(lazy=None):
    counts = [torch.arange(n, dtype=torch.float32) + 1 for n in N_CODES]
    tables = FoldTables(
        Layout.plain(N_CODES, DIMS), N_TABLES, counts, torch.Generator(), lazy
    )
    generator = torch.Generator().manual_seed(1)
    torch.nn.init.normal_(tables.prior, generator=generator)
    for deviation in tables.deviation:
        torch.nn.init.normal_(deviation, generator=generator)
    return tables


def make_batch(n=20):
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, n_codes, n) for n_codes in N_CODES], axis=1)
    return torch.as_tensor(codes, dtype=torch.int32), rng.integers(0, N_TABLES, n)


@pytest.mark.parametrize("lazy", [None, [False, True, False], [True, True, True]])
def test_look_up_equals_a_slow_reference(lazy):
    tables = make_tables(lazy)
    codes, table = make_batch()
    vectors = tables(codes, torch.as_tensor(table))
    loaded = tables.load(codes, LazyAdam(tables.parameters()))
    own = loaded.deviation[torch.arange(20), torch.as_tensor(table)]
    torch.testing.assert_close(own + tables.priors(), vectors)
    matrices = [matrix.numpy() for matrix in tables.tables()]
    for i, k in enumerate(table):
        expected = [matrices[j][k, codes[i, j]] for j in range(3)]
        np.testing.assert_array_equal(vectors[i].detach(), np.concatenate(expected))


@pytest.mark.parametrize("lazy", [None, [False, True, True]])
def test_learning_adds_up_losses_and_penalties(lazy):
    """Against autograd through the ordinary look-up."""
    tables = make_tables(lazy)
    codes, table = make_batch()
    # Unknown codes have no deviation.
    codes = codes.clamp(min=1)
    codes[:5, 1] = 0
    for j, matrix in enumerate(_deviations(tables)):
        matrix[0 if j else slice(0, 1)] = 0
    seen = torch.ones(20, N_TABLES).scatter_(1, torch.as_tensor(table)[:, None], 0.0)
    optimizer = LazyAdam(tables.parameters())
    loaded = tables.load(codes, optimizer)
    gradient, strength = torch.randn(loaded.deviation.shape), torch.rand(20)
    loaded.learn(gradient, strength, seen)
    actual = _gradients(tables, optimizer)

    reference = make_tables(lazy)
    reference.load_state_dict(tables.state_dict())
    leaves = [matrix.clone().requires_grad_() for matrix in _deviations(reference)]
    loss, start = 0.0, 0
    for j in range(3):
        share = (1 / (codes[:, j] + 1)) * (codes[:, j] > 0)
        known = (codes[:, j] > 0)[:, None]
        for v in range(N_TABLES):
            delta = leaves[j][codes[:, j].long(), v]
            part = gradient[:, v, start : start + DIMS[j]]
            loss = loss + (delta * part * known * seen[:, v, None]).sum()
            penalty = delta.square().sum(1) * share * strength * seen[:, v]
            loss = loss + 0.5 * penalty.sum()
        start += DIMS[j]
    loss.backward()
    for j in range(3):
        torch.testing.assert_close(actual[j], leaves[j].grad)
        assert not actual[j][0].any()


def _deviations(tables):
    """Views of each column's deviations, (n_codes, n_tables, dim)."""
    return [
        tables.both(j)[0].view(N_CODES[j], N_TABLES, DIMS[j]) for j in range(len(DIMS))
    ]


def _gradients(tables, optimizer):
    """Gradients of each column's deviations, wherever the step is to find them."""
    found = []
    for j in range(len(DIMS)):
        gradient = tables.both(j)[1].clone()
        if tables.is_lazy(j):
            rows = optimizer._loaded[tables.parameter(j)]
            gradient.zero_().index_copy_(0, rows.index, rows.gradient)
        found.append(gradient.view(N_CODES[j], N_TABLES, DIMS[j]))
    return found


def test_unknown_codes_have_the_prior():
    tables = make_tables()
    tables.reset_parameters(torch.Generator())
    codes = torch.zeros(5, 3, dtype=torch.int32)
    vectors = tables(codes, torch.tensor([0, 1, 2, 0, 1]))
    assert (vectors == tables.prior).all()
