"""Threads share a fitted encoder: the same bits as in one."""

import copy
import pickle
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from sk_entity import EntityEmbeddingEncoder
from sk_entity._columns import hashed

RNG = np.random.default_rng(0)
N_THREADS = 8


@pytest.fixture
def hurried():
    """Threads that give way as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(scope="module")
def fitted():
    X = pd.DataFrame(
        {
            "text": RNG.choice([f"v{i}" for i in range(400)], 3000),
            "key": RNG.integers(0, 2000, 3000),
            "size": RNG.normal(size=3000),
        }
    )
    params = {"categorical_features": ["text", "key"], "crosses": [("text", "key")]}
    encoder = EntityEmbeddingEncoder(max_epochs=2, random_state=0, **params)
    return X, encoder.fit(X, RNG.normal(size=3000))


def test_threads_transform_and_query_neighbours_as_one(fitted, hurried):
    X, encoder = fitted
    one = copy.deepcopy(encoder)
    whole, rows = one.transform(X), [X.iloc[[i]] for i in range(30)]
    alone = [one.transform(row) for row in rows]
    near = one.embeddings_["key"].nearest(7, k=5)
    for _ in range(5):
        shared = pickle.loads(pickle.dumps(encoder))  # nothing is built yet

        def work(_, shared=shared):
            neighbours = shared.embeddings_["key"].nearest(7, k=5)
            return shared.transform(X), [*map(shared.transform, rows)], neighbours

        with ThreadPoolExecutor(N_THREADS) as pool:
            results = list(pool.map(work, range(N_THREADS)))
        for found, singles, neighbours in results:
            np.testing.assert_array_equal(found, whole)
            np.testing.assert_array_equal(singles, alone)
            # Libraries that silence warnings in threads mix up the filters of the
            # process, and pandas' comparison meets warnings of its own.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pd.testing.assert_frame_equal(neighbours, near)


def test_a_hash_table_is_built_once_for_all_threads(hurried):
    for _ in range(10):
        index = pd.Index(RNG.permutation(300_000))
        with ThreadPoolExecutor(N_THREADS) as pool:
            found = pool.map(
                lambda _, index=index: (hashed(index).get_indexer([5, 7]) >= 0).all(),
                range(N_THREADS),
            )
            assert all(found)
