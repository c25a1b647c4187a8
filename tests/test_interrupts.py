"""An interrupt comes through at any moment, and the encoder is as it was."""

import contextlib
import errno
import gc
import inspect
import os
import random
import signal
import tempfile
import threading
import time

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback, EarlyStopping
from steps import interrupted_at_each_step

from sk_entity import EntityEmbeddingEncoder
from sk_entity._fitting.batches import Columns, StreamReader
from sk_entity._fitting.spool import OwnFile
from sk_entity._learning.isolation import isolated
from sk_entity._learning.net import EntityNet
from sk_entity.datasets import make_entities
from sk_entity.exceptions import ColumnError

#: Interrupts of each method; `SK_ENTITY_INTERRUPTS=40` makes it 200 in all.
TIMES = int(os.environ.get("SK_ENTITY_INTERRUPTS", "2"))
DATA = make_entities(300, n_categories=(9, 5), random_state=0)


@pytest.fixture(autouse=True)
def interrupts_are_heard():
    """A shell that starts the tests in the background has them ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def encoder():
    return EntityEmbeddingEncoder(max_epochs=4, random_state=0)


def frames():
    for start in range(0, 300, 100):
        rows = slice(start, start + 100)
        yield DATA.X[rows].assign(y=DATA.y[rows])


METHODS = {
    "fit": lambda e: e.fit(DATA.X, DATA.y),
    "fit_transform": lambda e: e.fit_transform(DATA.X, DATA.y),
    "partial_fit": lambda e: e.partial_fit(DATA.X, DATA.y),
    "fit_stream": lambda e: e.fit_stream(frames, "y"),
    "cross_val_score": lambda e: cross_val_score(
        make_pipeline(e, Ridge()), DATA.X, DATA.y, cv=2
    ),
}


def spools():
    """Return temporary files of ours, deleted ones that are open included."""
    named = [f for f in os.listdir(tempfile.gettempdir()) if f.startswith("sk_entity_")]
    if not os.path.isdir("/proc/self/fd"):
        return named
    for fd in os.listdir("/proc/self/fd"):
        try:
            named.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            continue
    temporary = tempfile.gettempdir()
    return [f for f in named if f.startswith((f"{temporary}/#", f"{temporary}/sk_en"))]


def interrupted(action, delay):
    """Return whether an interrupt after ``delay`` seconds came before the end."""
    sent, done = threading.Event(), False

    def send():
        time.sleep(delay)
        sent.set()
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=send)
    # Python swallows what is raised in these; hypothesis has one.
    callbacks, gc.callbacks[:] = gc.callbacks[:], []
    try:
        sender.start()
        action()
        done = True
        sender.join()
        time.sleep(0.05)
    except KeyboardInterrupt:
        sender.join()
        return not done
    finally:
        gc.callbacks[:] = callbacks
    raise AssertionError("the interrupt was swallowed")


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupt_comes_through(method):
    action = METHODS[method]
    fitted = encoder().fit(DATA.X, DATA.y)
    before, state = fitted.transform(DATA.X), dict(vars(fitted))
    start = time.perf_counter()
    action(encoder())
    seconds = time.perf_counter() - start
    draw = random.Random(method)
    threads, rng, open_before = torch.get_num_threads(), torch.get_rng_state(), spools()
    hits = 0
    for k in range(TIMES):
        one = fitted if k % 2 else encoder()
        hit = interrupted(lambda one=one: action(one), draw.uniform(0, seconds))
        hits += hit
        assert spools() == open_before
        assert torch.get_num_threads() == threads
        assert torch.equal(torch.get_rng_state(), rng)
        if not hit:
            fitted = encoder().fit(DATA.X, DATA.y)
            state, before = dict(vars(fitted)), fitted.transform(DATA.X)
        elif one is fitted and method != "cross_val_score":
            assert vars(fitted).keys() == state.keys()
            assert all(vars(fitted)[name] is value for name, value in state.items())
            np.testing.assert_array_equal(fitted.transform(DATA.X), before)
        elif one is not fitted:
            with pytest.raises(NotFittedError):
                one.transform(DATA.X)
    print(f"{method}: {hits} of {TIMES} came before the end, all came through")


def test_an_interrupt_at_any_step_closes_the_file():
    def spool():
        with StreamReader(Columns("y", None, None), 0, 0, numbers=True) as reader:
            reader.open(1, 1)
            reader.take(pd.DataFrame({"c": [1], "y": [2.0]}))
            ones = np.ones((1, 1))
            reader.write(ones.astype(np.int32), ones, ones[:, 0])
            assert len(reader.spool.read(0, 1)) == 1

    files = [tempfile.__file__, *map(inspect.getsourcefile, (StreamReader, OwnFile))]
    before, steps = spools(), 0
    for step in interrupted_at_each_step(spool, files):
        assert spools() == before, step
        steps += 1
    assert steps > 20


def test_an_interrupt_at_any_step_restores_threads_and_random_state():
    def fit():
        with isolated(3):
            assert torch.get_num_threads() == 1
            assert torch.initial_seed() == 3
            torch.rand(3)

    own = inspect.getsourcefile(inspect.unwrap(isolated))
    files = own, contextlib.__file__, torch.random.__file__
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    state, steps = torch.get_rng_state(), 0
    try:
        for step in interrupted_at_each_step(fit, files):
            assert torch.get_num_threads() == 2, step
            assert torch.equal(torch.get_rng_state(), state), step
            with isolated(4):  # the first that is inside again
                assert torch.initial_seed() == 4
            assert torch.equal(torch.get_rng_state(), state), step
            steps += 1
    finally:
        torch.set_num_threads(before)
    assert steps > 20


class Interrupt(Callback):
    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def test_early_stopping_is_no_interrupt():
    X = pd.DataFrame({"c": ["a", "b", "d"] * 40})
    y = np.random.default_rng(0).normal(size=120)
    for callback in (Interrupt(), Interrupt):
        params = {"callbacks": [callback]}
        with pytest.raises(KeyboardInterrupt):
            EntityEmbeddingEncoder(max_epochs=9, net_params=params).fit(X, y)
    stopping = EarlyStopping(monitor="train_loss", patience=2, threshold=10)
    params = {"callbacks": [stopping]}
    stopped = EntityEmbeddingEncoder(max_epochs=9, net_params=params).fit(X, y)
    assert len(stopped.history_) == 3
    own = EntityEmbeddingEncoder(max_epochs=90, early_stopping=True, random_state=0)
    assert len(own.fit(X, y).history_) < 90


class Failing(Callback):
    """Raises errors at some moments of a training."""

    def __init__(self, **errors):
        self.errors = errors

    def notify(self, moment):
        if moment in self.errors:
            raise self.errors[moment]

    def on_train_begin(self, net, **kwargs):
        self.notify("begin")

    def on_batch_end(self, net, **kwargs):
        self.notify("batch")

    def on_epoch_end(self, net, **kwargs):
        self.notify("epoch")

    def on_train_end(self, net, **kwargs):
        self.notify("end")


@pytest.mark.parametrize(
    ("expected", "errors"),
    [
        (KeyboardInterrupt, {"epoch": KeyboardInterrupt(), "end": ValueError("end")}),
        (KeyboardInterrupt, {"begin": ValueError("begin"), "end": KeyboardInterrupt()}),
        (MemoryError, {"batch": MemoryError(), "end": ValueError("end")}),
        (ValueError, {"begin": ValueError("begin")}),
        (ValueError, {"end": ValueError("end")}),
    ],
)
def test_what_ends_a_training_comes_through(expected, errors):
    told = []

    class Last(Callback):
        def on_train_end(self, net, **kwargs):
            told.append("end")

    params = {"callbacks": [Failing(**errors), Last()]}
    fitting = encoder().set_params(verbose=1, net_params=params)
    with pytest.raises(expected):
        fitting.fit(DATA.X, DATA.y)
    assert not hasattr(fitting, "embeddings_")
    assert told == ["end"], "the last callback is told whatever others raise"


def no_file(**kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


def full_disk(**kwargs):
    return open("/dev/full", "r+b")


def no_memory(*args):
    raise MemoryError


@pytest.mark.parametrize(
    ("method", "place", "failure", "error"),
    [
        ("fit", EntityNet, no_memory, MemoryError),
        ("partial_fit", EntityNet, no_memory, MemoryError),
        ("fit_stream", EntityNet, no_memory, MemoryError),
        ("fit_stream", tempfile, no_file, OSError),
        pytest.param(
            *("fit_stream", tempfile, full_disk, OSError),
            marks=pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux"),
        ),
    ],
)
def test_without_memory_or_disk_all_is_as_it_was(
    monkeypatch, method, place, failure, error
):
    fitted = encoder().fit(DATA.X, DATA.y)
    before, state, open_before = fitted.transform(DATA.X), dict(vars(fitted)), spools()
    threads, rng = torch.get_num_threads(), torch.get_rng_state()
    name = "TemporaryFile" if place is tempfile else "train_step_single"
    monkeypatch.setattr(place, name, failure)
    with pytest.raises(error):
        METHODS[method](fitted)
    assert spools() == open_before
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), rng)
    assert vars(fitted).keys() == state.keys()
    assert all(vars(fitted)[name] is value for name, value in state.items())
    np.testing.assert_array_equal(fitted.transform(DATA.X), before)


def test_an_error_of_a_batch_is_told_though_the_disk_is_full(monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryFile", full_disk)

    def batches():
        yield DATA.X[:9].assign(y=DATA.y[:9])  # what the buffer of the file holds
        yield DATA.X[:9]

    with pytest.raises(ColumnError, match="no such column"):
        encoder().fit_stream(batches, "y")
