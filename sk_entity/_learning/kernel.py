"""Batches through our decoder and back in compiled code: `_kernel.c`."""

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from sk_entity._compiled import MOST_LAYERS, Batch, Pointer
from sk_entity._compiled import kernel as _kernel
from sk_entity._learning.batches import TensorRows
from sk_entity._learning.compiled_adam import CompiledRows
from sk_entity._learning.lazy_adam import LazyAdam
from sk_entity._learning.losses import OneLoss
from sk_entity._learning.modules import Decoder, EmbeddingNet
from sk_entity._workers import Workers

#: Parts of a batch, at most, and rows of one, at least.
MOST_PARTS = 4
_LEAST_ROWS = 256
#: Rows that the kernel takes at a time.
_BLOCK = 8


def parts_of(n_rows: int) -> list[tuple[int, int]]:
    """Return the first and last row of each part of a batch, by its size alone.

    >>> parts_of(520)
    [(0, 264), (264, 520)]
    """
    n_parts = max(1, min(MOST_PARTS, n_rows // _LEAST_ROWS))
    size = -(-n_rows // (n_parts * _BLOCK)) * _BLOCK
    return [(i, min(i + size, n_rows)) for i in range(0, n_rows, size)]


class Pass:
    """One perceptron's way forward and back, in compiled code.

    Parameters
    ----------
    sizes : list of int
        Inputs, hidden units, outputs.
    weights, biases : list of Tensor
        Of each layer, as ``nn.Linear`` has them.
    skip : Tensor
    skip_bias : Tensor or None
    loss : OneLoss
    """

    def __init__(
        self,
        sizes: Sequence[int],
        weights: Sequence[Tensor],
        biases: Sequence[Tensor],
        skip: Tensor,
        skip_bias: Tensor | None,
        loss: OneLoss,
    ) -> None:
        self.batch = Batch(n_layers=len(weights), n_tables=1)
        self.batch.size[: len(sizes)] = list(sizes)
        self._held = [*weights, *biases, skip, skip_bias]
        for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            self.batch.matrix[i], self.batch.bias[i] = _at(weight), _at(bias)
        self.batch.skip, self.batch.skip_bias = _at(skip), _at(skip_bias)
        kind = loss.written_out
        assert kind is not None
        self.batch.loss, self.batch.parameter = kind.number, kind.parameter
        self.batch.scale = kind.scale
        self.batch.class_weight = _at(kind.class_weight)
        self._held.append(kind.class_weight)
        self.n_numbers = sum(a * b + b for a, b in pairwise(sizes))
        self.n_numbers += sizes[0] * sizes[-1]

    @property
    def address(self) -> int:
        """Where the kernel finds it."""
        return ctypes.addressof(self.batch)

    def part(self, i: int, first: int, last: int) -> Callable[[], None]:
        """Return the task that passes some rows."""
        assert _kernel is not None
        return partial(_kernel.part, self.address, i, first, last)


def _at(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def knows(criterion: nn.Module, device: str) -> bool:
    """Whether there is a kernel, and this loss in it."""
    return (
        _kernel is not None
        and device == "cpu"
        and isinstance(criterion, OneLoss)
        and criterion.written_out is not None
    )


def can_run(module: EmbeddingNet, criterion: nn.Module, device: str) -> bool:
    """Whether a net's batches can pass the kernel."""
    decoder = module.decoder
    return (
        knows(criterion, device)
        and type(decoder) is Decoder
        and not decoder.dropout
        and decoder._compiled_call_impl is None
        and len(decoder.linear) <= MOST_LAYERS
        and not len(module.tables.bags)
        and all(base is None for base in module.tables.bases)
        and all(p.dtype is torch.float32 for p in module.parameters())
    )


class Kernel:
    """The training step of a net in compiled code.

    Parameters
    ----------
    module : EmbeddingNet
    criterion : OneLoss
    n_views : int
        Tables that learn from each row, other than its own.
    shrinkage : float
    generator : torch.Generator
        Draws them.
    workers : Workers
    teaches : Tensor of shape (n_parts, n_tables), bool, or None, default=None
        Whether a table learns from each part of the rows; None: each row teaches all
        tables but its own.
    """

    def __init__(
        self,
        module: EmbeddingNet,
        criterion: OneLoss,
        n_views: int,
        shrinkage: float,
        generator: torch.Generator | None,
        workers: Workers,
        teaches: Tensor | None = None,
    ) -> None:
        self._module, self._shrinkage = module, shrinkage
        self._generator, self._workers = generator, workers
        decoder, tables = module.decoder, module.tables
        assert isinstance(decoder, Decoder)
        linear = decoder.linear
        sizes = [linear[0].in_features, *(layer.out_features for layer in linear)]
        self._pass = Pass(
            sizes,
            [layer.weight for layer in linear],
            [layer.bias for layer in linear],
            decoder.skip.weight,
            decoder.skip.bias,
            criterion,
        )
        layout = tables.layout
        n_columns = len(layout.table_of)
        self._dims = torch.tensor(layout.column_dims)
        self._pointers = [(Pointer * n_columns)() for _ in range(4)]
        batch = self._pass.batch
        batch.n_columns, batch.n_tables = n_columns, tables.n_tables
        batch.n_coordinates = int(self._dims.sum())
        batch.n_views = n_views
        self._teaches = None if teaches is None else teaches.to(torch.uint8)
        batch.teaches = _at(self._teaches)
        batch.n_numeric = sizes[0] - batch.n_coordinates
        batch.dim = _at(self._dims)
        batch.table, batch.place, batch.code, batch.share = map(
            ctypes.addressof, self._pointers
        )
        for j, t in enumerate(layout.table_of):
            self._pointers[3][j] = _at(tables.share(t))
            if not tables.is_lazy(t):
                self._pointers[0][j] = _at(tables.both(t)[0])
        self._sums = torch.empty(
            MOST_PARTS, 1 + batch.n_coordinates + self._pass.n_numbers
        )
        batch.sums, batch.n_sums = _at(self._sums), self._sums.shape[1]
        self._total = torch.empty(self._sums.shape[1])
        self._share_out(decoder, linear)
        self._gradient = torch.empty(0)
        self._passes = dict[int, list[Callable[[], None]]]()
        every = range(len(layout.dims))
        self._lazy = [
            (tables.parameter(t), layout.columns(t)) for t in every if tables.is_lazy(t)
        ]
        self._dense = [t for t in every if not tables.is_lazy(t)]
        # Of the lazy tables: rows, tasks, and the rows of several columns' cells.
        self._rows: list[CompiledRows | None] = [None] * len(self._lazy)
        self._columns = dict[int, Callable[[], None]]()
        self._index = list[Tensor]()
        self._flat = tables.parameter(self._dense[0] if self._dense else 0)
        # Of the dense tables: their common gradient, and the tasks that fill it.
        self._filled: tuple[Tensor | None, list[Callable[[], None]]] = (None, [])
        self._plain_priors = bool(
            len(tables.prior) == batch.n_coordinates
            and (tables.prior_of == torch.arange(batch.n_coordinates)).all()
            and tables.learns.all()
        )

    def _share_out(self, decoder: Decoder, linear: Sequence[nn.Linear]) -> None:
        """Let the gradients of the decoder be parts of the sums."""
        start = 1 + self._pass.batch.n_coordinates
        self._of_priors = self._total[1:start]
        parameters = [layer.weight for layer in linear]
        parameters += [layer.bias for layer in linear]
        self._gradients = list[tuple[Tensor, Tensor]]()
        for parameter in [*parameters, decoder.skip.weight]:
            end = start + parameter.numel()
            part = self._total[start:end].view_as(parameter)
            self._gradients.append((parameter, part))
            start = end
        # Two biases are added to the outputs.
        last = self._gradients[2 * len(linear) - 1]
        bias: nn.Parameter = decoder.skip.bias
        twin = bias, torch.zeros_like(last[1])
        self._twins = last, twin
        self._gradients.append(twin)

    def step(self, data: Any, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """Compute the gradients of one batch; return its loss and outputs."""
        if not self._module.training:
            self._module.train()
        inputs, (target, weight, own_weight, *part) = data
        batch, n_rows = self._pass.batch, len(weight)
        priors = self._priors()
        # Whoever is told of the batch may keep its outputs.
        output = torch.empty(n_rows, batch.size[batch.n_layers])
        first = torch.randint(
            max(batch.n_tables - 1, 1),
            (n_rows,),
            generator=self._generator,
            dtype=torch.int32,
        )
        held = [
            values.contiguous()
            for values in (
                inputs["numeric"],
                target,
                weight,
                own_weight,
                inputs["table"],
            )
        ]
        batch.numeric, batch.target, batch.weight, batch.own_weight, batch.own = map(
            _at, held
        )
        held += [values.contiguous() for values in part]
        batch.part = _at(held[-1]) if part else None
        batch.n_rows, batch.prior, batch.first = n_rows, _at(priors), _at(first)
        batch.strength = self._shrinkage / n_rows
        batch.output = _at(output)
        parts = self._parts(n_rows)
        # What is small is not worth to wake threads for.
        run = self._workers.run if len(parts) > 1 else _run
        by_column = inputs["codes"].T
        if by_column.stride(1) != 1:
            by_column = by_column.contiguous()
        fetches, columns = self._fetch(by_column, optimizer)
        run(fetches)
        run(parts)
        run([*self._dense_tasks(), *columns, self._join(len(parts))])
        self._hand_out()
        return {"loss": self._total[0].clone(), "y_pred": output}

    def _priors(self) -> Tensor:
        """Return the prior of each coordinate."""
        tables = self._module.tables
        return tables.prior if self._plain_priors else tables.priors().detach()

    def _hand_out(self) -> None:
        """Set the gradients of the decoder and of the priors."""
        (_, first), (_, second) = self._twins
        second.copy_(first)
        for parameter, part in self._gradients:
            if parameter.grad is not part:
                parameter.grad = part
        tables, part = self._module.tables, self._of_priors
        if not self._plain_priors:
            tables.learn_priors(part)
        elif tables.prior.grad is not part:
            tables.prior.grad = part

    def _parts(self, n_rows: int) -> list[Callable[[], None]]:
        """Return the tasks that pass a batch; make room for its gradients."""
        if n_rows not in self._passes:
            parts = enumerate(parts_of(n_rows))
            self._passes[n_rows] = [self._pass.part(i, *rows) for i, rows in parts]
        batch = self._pass.batch
        n = n_rows * max(batch.n_views, 1) * batch.n_coordinates
        if self._gradient.numel() < n:
            self._gradient = torch.empty(n)
            batch.gradient = _at(self._gradient)
        return self._passes[n_rows]

    def _fetch(
        self, by_column: Tensor, optimizer: torch.optim.Optimizer
    ) -> tuple[list[Callable[[], None]], list[Callable[[], None]]]:
        """Set where the columns are read.

        Returns
        -------
        fetches : list of callable
            Hand out the rows of lazy tables.
        columns : list of callable
            Add the gradients of these rows, one a table: columns that share one write
            to the same places.
        """
        table, place, code, _ = self._pointers
        n_rows, stride = by_column.shape[1], 4 * by_column.stride(0)
        start = by_column.data_ptr()
        for j in range(len(code)):
            code[j] = place[j] = start + j * stride
        fetches = list[Callable[[], None]]()
        self._index.clear()
        for i, (parameter, own) in enumerate(self._lazy):
            assert isinstance(optimizer, LazyAdam)
            rows = optimizer.fetch(parameter)
            if len(own) == 1:
                index = start + own[0] * stride
            else:
                self._index.append(by_column[own].flatten())
                index = self._index[-1].data_ptr()
            if rows.aim(index, len(own) * n_rows) or rows is not self._rows[i]:
                self._rows[i] = rows
                # They come with gradients of zero.
                self._columns[i] = partial(self._add, own, _at(rows.gradient) or 0, 0)
            at_weight, at_place = _at(rows.weight), rows.place.data_ptr()
            for k, j in enumerate(own):
                table[j], place[j] = at_weight, at_place + 4 * k * n_rows
            fetches.append(rows.fetch)
        return fetches, list(self._columns.values())

    def _dense_tasks(self) -> list[Callable[[], None]]:
        """Return the tasks that set the gradients of dense tables."""
        if not self._dense:
            return []
        gradients, tasks = self._filled
        if gradients is None or self._flat.grad is not gradients:
            tables, tasks = self._module.tables, []
            for t in self._dense:
                _, gradient = tables.both(t)
                of_table = gradient.data_ptr(), gradient.numel()
                tasks.append(partial(self._add, tables.layout.columns(t), *of_table))
            self._filled = self._flat.grad, tasks
        return tasks

    def _join(self, n_parts: int) -> Callable[[], None]:
        """Return the task that adds up what the parts left."""
        assert _kernel is not None
        return partial(
            _kernel.join, self._pass.address, n_parts, self._total.data_ptr()
        )

    def _add(self, columns: Sequence[int], gradient: int, n_clear: int) -> None:
        assert _kernel is not None
        for j in columns:
            _kernel.column(self._pass.address, j, gradient, n_clear)
            n_clear = 0


def can_learn(criterion: nn.Module, heads: Any, device: str) -> bool:
    """Whether heads can learn in the kernel."""
    return knows(criterion, device) and len(heads.sizes) - 1 <= MOST_LAYERS


class HeadKernel:
    """The training step of heads in compiled code, a task a head.

    Parameters
    ----------
    heads : FoldHeads
    criterion : OneLoss
    workers : Workers
    teaches : Tensor of shape (n_parts, n_heads), bool, or None, default=None
        Whether a head sees each part of the rows; None: all but those of its table.
    """

    def __init__(
        self,
        heads: Any,
        criterion: OneLoss,
        workers: Workers,
        teaches: Tensor | None = None,
    ) -> None:
        self._heads, self._workers, self._teaches = heads, workers, teaches
        weights, biases, skip = heads.layers()
        self._passes = [
            Pass(
                heads.sizes,
                [weight[k] for weight in weights],
                [bias[k] for bias in biases],
                skip[k],
                None,
                criterion,
            )
            for k in range(heads.n_heads)
        ]
        self._sums = torch.empty(heads.n_heads, 1 + self._passes[0].n_numbers)
        heads.numbers.grad = torch.zeros_like(heads.numbers)

    def step(self, x: Tensor, rows: TensorRows) -> None:
        """Set the gradients of one batch, of which ``x`` is read."""
        n_rows, n_heads = len(x), len(self._passes)
        target = rows.target
        seen = seen_by_heads(rows, n_heads, self._teaches)
        weights = (seen * rows.weight).contiguous()
        output = torch.empty(n_heads, n_rows, self._heads.sizes[-1])
        table = torch.zeros(n_rows, dtype=torch.int32)
        x, target = x.contiguous(), target.contiguous()
        tasks = []
        for k, one in enumerate(self._passes):
            batch = one.batch
            batch.n_rows, batch.n_numeric = n_rows, x.shape[1]
            batch.numeric, batch.target = _at(x), _at(target)
            batch.own_weight, batch.own = _at(weights[k]), _at(table)
            batch.output, batch.gradient = _at(output[k]), _at(output[k])
            batch.sums, batch.n_sums = _at(self._sums[k]), self._sums.shape[1]
            tasks.append(one.part(0, 0, n_rows))
        self._workers.run(tasks)
        self._heads.numbers.grad.copy_(self._sums[:, 1:])


def seen_by_heads(rows: TensorRows, n_heads: int, teaches: Tensor | None) -> Tensor:
    """Return whether each head may see each row, shape (n_heads, n_rows).

    Parameters
    ----------
    rows : TensorRows
    n_heads : int
    teaches : Tensor of shape (n_parts, n_heads), bool, or None
        Whether a head sees each part of the rows; None: all but those of its table.
    """
    if teaches is None:
        heads = torch.arange(n_heads, device=rows.table.device)
        return heads[:, None] != rows.table
    assert rows.part is not None
    return teaches[rows.part.long()].T


def _run(tasks: Sequence[Callable[[], None]]) -> None:
    for task in tasks:
        task()
