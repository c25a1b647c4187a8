"""Rows of several processes as one shuffled stream, the same in each of them."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from sk_entity._learning.batches import TensorRows
from sk_entity.exceptions import DistributedFitError

#: Seconds that a process waits for the others, at most, before it gives up.
TIMEOUT = 120
_MOST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Share:
    """Which parts each process has.

    Attributes
    ----------
    rank : int
        Of this process.
    owner : dict of int to int
        The process of each part.
    n_rows : dict of int to int
        Rows of each part.
    """

    rank: int
    owner: dict[int, int]
    n_rows: dict[int, int]

    @property
    def size(self) -> int:
        """How many processes there are."""
        return max(self.owner.values(), default=0) + 1

    def parts(self, rank: int) -> list[int]:
        """Return the numbers of a process's parts."""
        return sorted(n for n, own in self.owner.items() if own == rank)


class GatheredRows(torch.utils.data.Dataset[Any]):
    """Encoded rows in files of several processes.

    All processes take the same batches: each reads its share of the next rows from its
    own files, and all gather what the others have read. What is exchanged are rows, a
    hundred bytes each, whatever the size of the tables; gradients of the rows that a
    batch touches would be ten times as much.

    The rows of a part are in random order in its file. Every part gives its share to
    every chunk, so that batches do not depend on which process has which part.

    Parameters
    ----------
    read : callable
        From a part that is here, and its first and last row, to encoded rows.
    share : Share
    to_tensors : callable
        Makes `TensorRows` of them.
    """

    def __init__(
        self,
        read: Callable[[int, int, int], NDArray[Any]],
        share: Share,
        to_tensors: Callable[[NDArray[Any]], TensorRows],
    ) -> None:
        self._read, self._to_tensors, self._share = read, to_tensors, share

    def __len__(self) -> int:
        return sum(self._share.n_rows.values())

    def shuffled(
        self, size: int, generator: torch.Generator | None
    ) -> Iterator[TensorRows]:
        """Return all rows, about ``size`` at a time; None keeps their order."""
        n_chunks = max(1, -(-len(self) // size))
        turn = np.zeros(len(self._share.n_rows))
        if generator is not None:
            seed = int(torch.randint(_MOST_SEED, (1,), generator=generator))
            turn = np.random.default_rng(seed).random(len(turn))
        for c in range(n_chunks):
            cuts = {
                number: self._cuts(n, turn[i], c, n_chunks)
                for i, (number, n) in enumerate(sorted(self._share.n_rows.items()))
            }
            rows = self._gather(cuts)
            if generator is not None:
                order = torch.randperm(len(rows), generator=generator)
                rows = rows.take(order)
            yield rows

    @staticmethod
    def _cuts(n: int, turn: float, c: int, n_chunks: int) -> list[tuple[int, int]]:
        """Return the rows of a part that are in a chunk: from anywhere, around."""
        first = int(turn * n)
        start, stop = (c * n // n_chunks + first, (c + 1) * n // n_chunks + first)
        return [
            (min(start, n), min(stop, n)),
            (max(start - n, 0), max(stop - n, 0)),
        ]

    def sample(self, most: int, generator: torch.Generator) -> TensorRows:
        """Return at most so many rows, at random."""
        total = len(self)
        share = min(1.0, most / total)
        return self._gather(
            {n: [(0, int(rows * share))] for n, rows in self._share.n_rows.items()}
        )

    def _gather(self, cuts: dict[int, list[tuple[int, int]]]) -> TensorRows:
        """Return rows of all processes, part by part."""
        share = self._share
        own = share.parts(share.rank)
        blocks = [self._read(n, *cut) for n in own for cut in cuts[n]]
        mine = self._to_tensors(np.concatenate(blocks))
        if share.size == 1:
            return mine
        sizes = {n: sum(b - a for a, b in cuts[n]) for n in cuts}
        packed = _pack(mine)
        totals = [sum(sizes[n] for n in share.parts(r)) for r in range(share.size)]
        padded = packed.new_zeros(max(totals), packed.shape[1])
        padded[: len(packed)] = packed
        found = [torch.empty_like(padded) for _ in totals]
        dist.all_gather(found, padded)
        by_part = dict[int, Tensor]()
        for rank, rows in enumerate(found):
            start = 0
            for n in share.parts(rank):
                by_part[n] = rows[start : start + sizes[n]]
                start += sizes[n]
        return _unpack(torch.cat([by_part[n] for n in sorted(by_part)]), mine)


def _pack(rows: TensorRows) -> Tensor:
    """Return rows side by side, as numbers of four bytes."""
    parts = [_flat(getattr(rows, name)) for name in _packed(rows)]
    return torch.cat([part.view(torch.int32) for part in parts], dim=1)


def _unpack(packed: Tensor, like: TensorRows) -> TensorRows:
    found, start = dict[str, Tensor](), 0
    for name in _packed(like):
        model = getattr(like, name)
        width = _flat(model).shape[1]
        part = packed[:, start : start + width].contiguous().view(model.dtype)
        found[name] = part if model.ndim == 2 else part[:, 0].contiguous()
        start += width
    return TensorRows(**found, lesson=found["weight"])


def _packed(rows: TensorRows) -> Sequence[str]:
    names = [field.name for field in fields(rows) if field.name != "lesson"]
    return [name for name in names if getattr(rows, name) is not None]


def _flat(values: Tensor) -> Tensor:
    return (values if values.ndim == 2 else values[:, None]).contiguous()


@contextmanager
def together(host: str, port: int, rank: int, size: int) -> Iterator[None]:
    """Join the other processes of a fit: torch.distributed, by gloo.

    Raises
    ------
    DistributedFitError
        If one of them does not come, or is gone while others wait for it.
    """
    if size == 1:
        yield
        return
    if dist.is_initialized():
        raise DistributedFitError(
            "This worker process is part of another torch.distributed group already: "
            "two fits at once, or several workers in one process. Fit one after the "
            "other, on workers that are processes (processes=True)."
        )
    began = time.monotonic()
    try:
        dist.init_process_group(
            "gloo",
            init_method=f"tcp://{host}:{port}",
            rank=rank,
            world_size=size,
            timeout=timedelta(seconds=TIMEOUT),
        )
        yield
    except (RuntimeError, dist.DistError) as error:
        raise DistributedFitError(
            f"Process {rank} of {size} lost the others after "
            f"{time.monotonic() - began:.0f} s: {str(error)[:300]}"
        ) from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
