"""The torch modules against plain numpy, and what their gradients may touch."""

import numpy as np
import torch

from sk_entity._learning.modules import Decoder, Dropout, EmbeddingNet, FoldTables


def make_tables(n_codes=(4, 9, 6), dims=(2, 3, 2), n_tables=3):
    counts = [torch.arange(n, dtype=torch.float32) + 1 for n in n_codes]
    tables = FoldTables(n_codes, dims, n_tables, counts, torch.Generator())
    for parameter in tables.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(1))
    return tables


def test_look_up_equals_a_slow_reference():
    tables = make_tables()
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, n, 20) for n in tables.n_codes], axis=1)
    table = rng.integers(0, 3, 20)
    vectors, penalty = tables(torch.as_tensor(codes), torch.as_tensor(table))
    matrices = [matrix.numpy() for matrix in tables.tables()]
    for i in range(20):
        # Columns of the smallest dimension come first: 0 and 2, then 1.
        expected = [matrices[j][table[i], codes[i, j]] for j in (0, 2, 1)]
        np.testing.assert_allclose(
            vectors[i].detach(), np.concatenate(expected), rtol=1e-6
        )
        shrunk = 0.0
        for j in range(3):
            deviation = matrices[j][table[i], codes[i, j]] - matrices[j][0, 0]
            shrunk += (deviation**2).sum() / (codes[i, j] + 1)
        np.testing.assert_allclose(penalty[i].detach(), shrunk, rtol=1e-5)


def test_the_gradient_is_zero_for_categories_and_tables_not_in_the_batch():
    tables = make_tables()
    codes = torch.tensor([[1, 2, 3], [1, 5, 3]])
    vectors, _ = tables(codes, torch.tensor([0, 2]))
    vectors.square().sum().backward()
    touched = {}
    for columns, deviation in zip(tables.groups, tables.deviation, strict=True):
        gradient = deviation.grad.view(3, -1, deviation.shape[1]).abs().sum(2)
        start = 0
        for j in columns:
            block = gradient[:, start : start + tables.n_codes[j]]
            touched[j] = {tuple(place) for place in block.nonzero().tolist()}
            start += tables.n_codes[j]
    assert touched == {
        0: {(0, 1), (2, 1)},
        1: {(0, 2), (2, 5)},
        2: {(0, 3), (2, 3)},
    }


def test_unknown_codes_have_the_prior_and_train_it_alone():
    tables = make_tables()
    codes = torch.zeros(5, 3, dtype=torch.int64)
    vectors, penalty = tables(codes, torch.tensor([0, 1, 2, 0, 1]))
    assert (vectors == vectors[0]).all()
    assert (penalty == 0).all()
    vectors.sum().backward()
    assert all(not deviation.grad.any() for deviation in tables.deviation)
    assert all(prior.grad.any() for prior in tables.prior)


def test_decoder_is_a_perceptron_plus_a_line():
    decoder = Decoder(5, (8, 4), 3, 0.0, torch.Generator().manual_seed(0))
    x = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    assert decoder(x).shape == (7, 3)
    line = Decoder(5, (), 1, 0.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        line(2 * x) - line(x), line(x) - line(torch.zeros(7, 5)), rtol=1e-4, atol=1e-5
    )


def test_dropout_and_masking_draw_only_while_training():
    generator = torch.Generator().manual_seed(0)
    dropout = Dropout(0.5, generator)
    x = torch.ones(10_000)
    dropped = dropout(x)
    assert abs(float((dropped == 0).float().mean()) - 0.5) < 0.03
    assert abs(float(dropped.mean()) - 1) < 0.05
    assert (dropout.eval()(x) == x).all()
    decoder = Decoder(7, (4,), 1, 0.5, generator)
    net = EmbeddingNet(make_tables(), decoder, 0.25, generator)
    codes = net.mask(torch.ones(10_000, 3, dtype=torch.int64))
    assert abs(float((codes == 0).float().mean()) - 0.25) < 0.03
