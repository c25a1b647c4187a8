"""The decoder and its dropout."""

import torch

from sk_entity._learning.modules import Decoder, Dropout


def test_decoder_is_a_perceptron_plus_a_line():
    decoder = Decoder(5, (8, 4), 3, 0.0, torch.Generator().manual_seed(0))
    x = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    assert decoder(x).shape == (7, 3)
    line = Decoder(5, (), 1, 0.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        line(2 * x) - line(x), line(x) - line(torch.zeros(7, 5)), rtol=1e-4, atol=1e-5
    )


def test_dropout_draws_only_while_training():
    generator = torch.Generator().manual_seed(0)
    dropout = Dropout(0.5, generator)
    x = torch.ones(10_000)
    dropped = dropout(x)
    assert abs(float((dropped == 0).float().mean()) - 0.5) < 0.03
    assert abs(float(dropped.mean()) - 1) < 0.05
    assert (dropout.eval()(x) == x).all()
