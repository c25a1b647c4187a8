"""Trained perceptrons, in compiled code and in numpy."""

from itertools import pairwise

import numpy as np
import pytest

from sk_entity._compiled import MOST_LAYERS, Perceptron, perceptron

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5000, 19)).astype(np.float32)


def random_perceptron(*sizes):
    layers = [
        (
            RNG.normal(size=(n, m)).astype(np.float32),
            RNG.normal(size=m).astype(np.float32),
        )
        for n, m in pairwise(sizes)
    ]
    return layers, RNG.normal(size=(sizes[0], sizes[-1])).astype(np.float32)


@pytest.fixture(params=["compiled", "numpy"])
def way(request, monkeypatch):
    if request.param == "numpy":
        monkeypatch.setattr(perceptron, "kernel", None)
    elif perceptron.kernel is None:  # pragma: no cover
        pytest.skip("built without a compiler")


@pytest.mark.parametrize("sizes", [(19, 64, 32, 1), (19, 1), (19, 17, 5), (19, 3, 40)])
def test_outputs_are_those_of_the_definition(way, sizes):
    layers, skip = random_perceptron(*sizes)
    hidden = X.astype(np.float64)
    for weight, bias in layers[:-1]:
        hidden = np.maximum(hidden @ weight + bias, 0)
    expected = hidden @ layers[-1][0] + layers[-1][1] + X.astype(np.float64) @ skip
    actual = Perceptron(layers, skip)(X)
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-3)


def test_a_row_has_its_own_outputs_whatever_is_around_it(way):
    decode = Perceptron(*random_perceptron(19, 64, 32, 2))
    whole = decode(X)
    order = RNG.permutation(len(X))
    np.testing.assert_array_equal(decode(X[order]), whole[order])
    for n in (1, 7, 8, 9, 33):
        np.testing.assert_array_equal(decode(X[:n]), whole[:n])
    assert decode(X[:0]).shape == (0, 2)


def test_more_layers_than_the_kernel_has_go_through_numpy():
    layers, skip = random_perceptron(19, *[4] * MOST_LAYERS, 1)
    decode = Perceptron(layers, skip)
    assert decode._batch is None
    assert np.isfinite(decode(X)).all()
