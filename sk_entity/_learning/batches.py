"""Whole tensors and the iterator that slices batches from them."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset


@dataclass(frozen=True, eq=False)
class TensorRows(Dataset[Any]):
    """The training rows as tensors on one device; a batch is one slice of each.

    Parameters
    ----------
    codes : Tensor of shape (n_rows, n_columns), int32
    numeric : Tensor of shape (n_rows, n_inputs), float32
    table : Tensor of shape (n_rows,), int32
        The table that must not have seen the row: its own fold's.
    target : Tensor of shape (n_rows,) or (n_rows, n_columns), float32
    weight : Tensor of shape (n_rows,), float32
        Mean one.
    lesson : Tensor of shape (n_rows,), float32
        Weight of the row in the decoder's own loss: zero for rows that judge it.
    part : Tensor of shape (n_rows,), int32, or None, default=None
        The part of each row, as `Folds` has them; None: all tables but its own learn
        from it.
    """

    codes: Tensor
    numeric: Tensor
    table: Tensor
    target: Tensor
    weight: Tensor
    lesson: Tensor
    part: Tensor | None = None

    def __len__(self) -> int:
        return len(self.weight)

    def batch(self) -> tuple[dict[str, Tensor], Any]:
        """Return the inputs, and the target with its weights."""
        inputs = {"codes": self.codes, "numeric": self.numeric, "table": self.table}
        if self.part is None:
            return inputs, (self.target, self.weight, self.lesson)
        return inputs, (self.target, self.weight, self.lesson, self.part)

    def cut(self, rows: slice) -> "TensorRows":
        """Return some rows, which stay where they are."""
        return self._map(lambda values: values[rows])

    def take(self, index: Tensor) -> "TensorRows":
        """Return the rows at ``index``; their codes lie column by column."""

        def take(values: Tensor) -> Tensor:
            if values is not self.codes or not values.shape[1]:
                return values.index_select(0, index)
            # Rows of a few numbers each would take several times as long.
            columns = [column.index_select(0, index) for column in values.unbind(1)]
            return torch.stack(columns).T

        return self._map(take)

    def joined(self, other: "TensorRows") -> "TensorRows":
        """Return these rows and then the other's; codes lie column by column."""
        theirs, after = other._tensors(), dict[int, Tensor]()
        for name, values in self._tensors().items():
            after[id(values)] = theirs[name]

        def join(values: Tensor) -> Tensor:
            if values is not self.codes:
                return torch.cat([values, after[id(values)]])
            return torch.cat([values.T, after[id(values)].T], dim=1).T

        return self._map(join)

    def to(self, device: Any) -> "TensorRows":
        """Return the rows on a device."""
        return self._map(lambda values: values.to(device, non_blocking=True))

    def shuffled(self, size: int, generator: torch.Generator | None) -> Iterator[Any]:
        """Return all rows, ``size`` at a time; None keeps their order."""
        home = self.weight.device
        if generator is None:
            order = torch.arange(len(self), device=home)
        else:
            order = torch.randperm(len(self), generator=generator).to(home)
        for index in order.split(size):  # type: ignore[no-untyped-call]
            yield self.take(index)

    def sample(self, most: int, generator: torch.Generator) -> "TensorRows":
        """Return at most so many rows, at random."""
        if len(self) <= most:
            return self
        order = torch.randperm(len(self), generator=generator)
        return self.take(order[:most].to(self.weight.device))

    def pinned(self) -> "TensorRows":
        """Return the rows in memory from which a GPU reads fast."""
        return self._map(Tensor.pin_memory)

    @property
    def n_bytes(self) -> int:
        """Size in memory."""
        return sum(values.nbytes for values in self._tensors().values())

    def _map(self, change: Callable[[Tensor], Tensor]) -> "TensorRows":
        values = self._tensors()
        # Mostly, the weights of both losses are the same tensor, and stay it.
        distinct = {id(value): value for value in values.values()}
        changed = {key: change(value) for key, value in distinct.items()}
        return TensorRows(**{name: changed[id(v)] for name, v in values.items()})

    def _tensors(self) -> dict[str, Tensor]:
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: values for name, values in found.items() if values is not None}


class RowSource(Protocol):
    """Gives training rows in random order, a chunk at a time."""

    def __len__(self) -> int: ...

    def shuffled(
        self, size: int, generator: torch.Generator | None
    ) -> Iterator[TensorRows]:
        """Return all rows, about ``size`` at a time; None keeps their order."""
        ...

    def sample(self, most: int, generator: torch.Generator) -> TensorRows:
        """Return at most so many rows."""
        ...


#: Rows of a spool that are in memory at a time, and of one read.
_BUFFER = 524_288
_BLOCK = 8_192


class SpooledRows(Dataset[Any]):
    """Training rows on disk: shuffled within a buffer of randomly drawn blocks.

    Parameters
    ----------
    spool : Spool
        Has ``read(start, n_rows)`` and a length.
    to_tensors : callable
        Makes TensorRows of what it reads.
    """

    def __init__(self, spool: Any, to_tensors: Callable[[Any], TensorRows]) -> None:
        self.spool = spool
        self.to_tensors = to_tensors

    def __len__(self) -> int:
        return len(self.spool)

    def shuffled(
        self, size: int, generator: torch.Generator | None
    ) -> Iterator[TensorRows]:
        """Return all rows, about ``size`` at a time; None keeps their order."""
        starts = torch.arange(0, len(self), _BLOCK)
        if generator is not None:
            starts = starts[torch.randperm(len(starts), generator=generator)]
        for group in starts.split(_BUFFER // _BLOCK):  # type: ignore[no-untyped-call]
            blocks = [self.spool.read(int(start), _BLOCK) for start in group]
            rows = self.to_tensors(np.concatenate(blocks))
            yield from rows.shuffled(size, generator)

    def sample(self, most: int, generator: torch.Generator) -> TensorRows:
        """Return at most so many rows, evenly spread."""
        return self.to_tensors(self.spool.sample(most))


#: Batches that are taken from the rows at a time.
_CHUNK = 32


class BatchIterator:
    """Shuffled batches without a per-row ``__getitem__`` and without collation.

    Takes the place of torch's DataLoader as skorch's ``iterator_train``. Shuffled rows
    are taken a chunk of batches at a time: what an operation costs by itself is then
    paid once a chunk.

    The sizes of batches differ by one row at most. A last batch of the few rows
    left over would move weights as far as any other, by a gradient that is mostly
    chance.

    Parameters
    ----------
    dataset : RowSource
    batch_size : int
        Rows of a batch, at most.
    generator : torch.Generator or None
        Shuffles the rows at the start of each epoch; None keeps their order.
    device : str or None, default=None
        Where batches are used; None: where the rows are.
    unknown_probability : float, default=0
        Share of the codes replaced by "unknown", which trains the prior to stand for
        what is not known.
    masked : dict of int -> Tensor or None, default=None
        What stands for each code of a column when it is hidden; 0 for other columns.
    asks_for : list of int, default=()
        The column whose hidden cells are to be told, of each target: targets of cells
        that are not hidden become NaN.
    """

    def __init__(
        self,
        dataset: RowSource,
        batch_size: int,
        generator: torch.Generator | None = None,
        device: str | None = None,
        unknown_probability: float = 0.0,
        masked: Mapping[int, Tensor] | None = None,
        asks_for: Sequence[int] = (),
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator
        self.device = device
        self.unknown_probability = unknown_probability
        self.masked = masked or {}
        self.asks_for = list(asks_for)

    def __len__(self) -> int:
        return math.ceil(len(self.dataset) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[dict[str, Tensor], Any]]:
        for rows in self.whole():
            yield rows.batch()

    def whole(self) -> Iterator[TensorRows]:
        """Return the batches, not yet cut into inputs and targets."""
        size, n_larger = divmod(len(self.dataset), max(len(self), 1))
        done, begun = 0, None
        for chunk in self._chunks(size + (n_larger > 0)):
            start = 0
            while start < len(chunk):
                held = 0 if begun is None else len(begun)
                wanted = size + (done < n_larger)
                batch = chunk.cut(slice(start, start + wanted - held))
                start += len(batch)
                batch = batch if begun is None else begun.joined(batch)
                begun = batch if len(batch) < wanted else None
                if begun is None:
                    done += 1
                    yield batch

    def _chunks(self, size: int) -> Iterator[TensorRows]:
        for rows in self.dataset.shuffled(_CHUNK * max(size, 1), self.generator):
            if self.device is not None:
                rows = rows.to(self.device)
            yield self._mask(rows)

    def _mask(self, rows: TensorRows) -> TensorRows:
        if self.unknown_probability == 0 or self.generator is None:
            return rows
        drawn = torch.rand(rows.codes.shape, generator=self.generator)
        keep = drawn.to(rows.codes.device) >= self.unknown_probability
        codes = (rows.codes.T * keep.T).T
        for j, instead in self.masked.items():
            hidden = instead.to(codes.device)[rows.codes[:, j].long()]
            codes[:, j] = torch.where(keep[:, j], rows.codes[:, j], hidden)
        if self.asks_for:
            told = keep[:, self.asks_for]
            return replace(
                rows, codes=codes, target=rows.target.masked_fill(told, torch.nan)
            )
        return replace(rows, codes=codes)
