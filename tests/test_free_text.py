"""Columns of texts that are nearly all different are told about."""

import warnings

import numpy as np
import pandas as pd
import pytest

from sk_entity import EntityEmbeddingEncoder
from sk_entity.exceptions import FreeTextWarning

N = 1500
WORDS = np.array(["red", "old", "big", "house", "car", "boat", "garden", "in", "town"])
TITLES = np.array(
    [" ".join(np.random.default_rng(i).choice(WORDS, 6)) for i in range(N)]
)
Y = np.char.count(TITLES, "boat") + np.random.default_rng(0).normal(size=N)


def told(column, **params):
    X = pd.DataFrame({"title": column, "kind": np.arange(N) % 3})
    encoder = EntityEmbeddingEncoder(
        ["title", "kind"],
        max_epochs=1,
        crosses=None,
        add_prediction=False,
        random_state=0,
        **params,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        encoder.fit(X, Y)
    return [str(w.message) for w in caught if w.category is FreeTextWarning]


def test_free_text_is_told_about():
    (message,) = told(TITLES)
    assert "'title'" in message
    assert "subwords=['title']" in message


@pytest.mark.parametrize(
    "column",
    [
        np.resize(TITLES[:600], N),  # each twice or three times
        np.char.replace(TITLES, " ", "_"),  # identifiers
        [f"row {i}" for i in range(N)],
        np.arange(N),
    ],
    ids=["repeated", "identifiers", "numbered", "integers"],
)
def test_what_is_no_free_text_is_not(column):
    assert told(column) == []


def test_whoever_reads_words_is_not_told():
    assert told(TITLES, subwords=["title"]) == []
    assert told(TITLES, hash_buckets={"title": 50}) == []
    vectors = {title: np.array([len(title) % 7, 1.0]) for title in TITLES}
    assert told(TITLES, pretrained={"title": vectors}) == []
