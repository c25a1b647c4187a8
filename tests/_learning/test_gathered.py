"""Rows of several processes as one stream: the same, whoever has which part."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, get_ident

import numpy as np
import pytest
import torch
import torch.distributed as dist

from sk_entity._fitting.spool import row_dtype
from sk_entity._learning.batches import TensorRows
from sk_entity._learning.gathered import GatheredRows, Share, together
from sk_entity.exceptions import DistributedFitError

N_ROWS = {0: 70, 2: 1, 3: 400, 7: 33}


def part(number):
    rng = np.random.default_rng(number)
    rows = np.empty(N_ROWS[number], row_dtype(2, 3))
    rows["codes"] = rng.integers(9, size=(len(rows), 2))
    rows["numeric"] = rng.normal(size=(len(rows), 3))
    for name in ("target", "weight"):
        rows[name] = rng.normal(size=len(rows))
    rows["fold"] = rng.integers(5, size=len(rows))
    return rows


def read(number, start, stop):
    return part(number)[start:stop]


def to_tensors(rows):
    weight = torch.from_numpy(rows["weight"].astype(np.float32))
    return TensorRows(
        codes=torch.from_numpy(rows["codes"].copy()),
        numeric=torch.from_numpy(rows["numeric"].astype(np.float32)),
        table=torch.from_numpy(rows["fold"].copy()),
        target=torch.from_numpy(rows["target"].astype(np.float32)),
        weight=weight,
        lesson=weight,
    )


class Threads:
    """`all_gather` between threads, each of which stands for a process."""

    def __init__(self, size):
        self._barrier, self._given = Barrier(size, timeout=20), {}
        self._ranks = {}

    def enter(self, rank):
        self._ranks[get_ident()] = rank
        self._barrier.wait()

    def all_gather(self, found, own):
        self._given[self._ranks[get_ident()]] = own
        self._barrier.wait()
        for rank, into in enumerate(found):
            into.copy_(self._given[rank])
        self._barrier.wait()


def chunks(owner, monkeypatch):
    """Return what each process gets of two epochs and a sample."""
    size = max(owner.values()) + 1
    threads = Threads(size)
    monkeypatch.setattr(dist, "all_gather", threads.all_gather)

    def process(rank):
        threads.enter(rank)
        rows = GatheredRows(read, Share(rank, owner, N_ROWS), to_tensors)
        assert len(rows) == sum(N_ROWS.values())
        generator = torch.Generator().manual_seed(0)
        found = [*rows.shuffled(100, generator), *rows.shuffled(100, None)]
        return [*found, rows.sample(60, generator)]

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(process, range(size)))


@pytest.mark.parametrize("owner", [{0: 0, 2: 1, 3: 0, 7: 1}, {0: 2, 2: 0, 3: 1, 7: 1}])
def test_all_have_the_same_rows_whoever_reads_them(owner, monkeypatch):
    (alone,) = chunks(dict.fromkeys(N_ROWS, 0), monkeypatch)
    for found in chunks(owner, monkeypatch):
        assert len(found) == len(alone)
        for ours, theirs in zip(found, alone, strict=True):
            for name in ("codes", "numeric", "table", "target", "weight", "lesson"):
                one, other = getattr(ours, name), getattr(theirs, name)
                assert one.dtype == other.dtype
                torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_an_epoch_has_every_row_once(monkeypatch):
    (alone,) = chunks(dict.fromkeys(N_ROWS, 0), monkeypatch)
    expected = np.sort(np.concatenate([part(n)["target"] for n in N_ROWS]))
    n_chunks = (len(alone) - 1) // 2
    for epoch in (alone[:n_chunks], alone[n_chunks:-1]):
        found = np.sort(torch.cat([chunk.target for chunk in epoch]).numpy())
        np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_a_group_of_another_fit_is_told(monkeypatch):
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    with (
        pytest.raises(DistributedFitError, match=r"another torch\.distributed group"),
        together("localhost", 1, 0, 2),
    ):
        pass  # pragma: no cover
