"""The steps of a fit on a cluster, in order; each is a task a partition or a worker."""

import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from dask.delayed import delayed
from distributed import Client, get_worker
from numpy.typing import NDArray

from sk_entity._fitting import crossfitted, parts
from sk_entity._fitting.encoded import SAMPLE_ROWS, choose, plan_of
from sk_entity._fitting.part_files import PartFiles, share_of_sample, write_part
from sk_entity._fitting.plan import Plan
from sk_entity._parameters import Parameters
from sk_entity._progress import Progress
from sk_entity._validation import fresh_seed
from sk_entity.dask._cluster import (
    assign,
    free_port,
    held_by_all,
    host_of,
    reduced,
    results_of,
)

if TYPE_CHECKING:
    from sk_entity._learning.task import Trained


@dataclass(frozen=True)
class Collections:
    """What a fit was given, partition by partition.

    Attributes
    ----------
    X : dask DataFrame
    parts : list of Delayed
        `Part` of each partition.
    """

    X: Any
    parts: Sequence[Any]


def fit_collections(
    client: Client, parameters: Parameters, given: Collections
) -> "CrossFitted":
    """Learn from partitions where they lie.

    Parameters
    ----------
    client : Client
    parameters : Parameters
    given : Collections
    """
    seed, lazy = fresh_seed(parameters.random_state), given.parts
    read = delayed(parts.summarize)
    summaries = [read(parameters, seed, part) for part in lazy]
    summary = reduced(client, parts.merge_summaries, summaries)
    if summary is None:
        raise ValueError("fit got no rows: all partitions are empty.")
    reader, objective = parts.make_reader(parameters, summary, seed)
    addresses, owner = assign(client, given.X, summary.n_rows)
    folder = f"sk_entity_{uuid.uuid4().hex}"
    try:
        return _learn(
            client,
            _Job(parameters, reader, objective, summary, addresses, owner, folder),
            lazy,
            seed,
        )
    finally:
        alive = sorted(set(addresses) & set(client.nthreads()))
        client.run(_clear, folder, workers=alive, on_error="ignore")


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """What was learned, and how the rows of the fit find their folds.

    Attributes
    ----------
    fitted : Fitted
    reader : Reader
    """

    fitted: crossfitted.Fitted
    reader: parts.Reader

    def features(self, part: parts.Part) -> Any:
        """Return the cross-fitted features of a part's rows, in their order."""
        fold = self.reader.folds_of(part)
        return self.fitted.features(part.X, fold, parts.CONTAINER)


@dataclass(frozen=True, eq=False)
class _Job:
    """A fit before training, and who does what."""

    parameters: Parameters
    reader: parts.Reader
    objective: Any
    summary: parts.Summary
    addresses: list[str]
    owner: dict[int, int]
    folder: str


def _learn(client: Client, job: _Job, lazy: Sequence[Any], seed: int) -> "CrossFitted":
    addresses, n_rows = job.addresses, job.summary.n_rows
    reader = held_by_all(client, job.reader)
    write = delayed(_write)
    futures = [
        client.compute(
            write(reader, lazy[n], job.folder),
            workers=[addresses[rank]],
            allow_other_workers=False,
        )
        for n, rank in job.owner.items()
    ]
    paths = dict(zip(job.owner, results_of(client, futures, addresses), strict=True))
    wanted = share_of_sample(n_rows, SAMPLE_ROWS)
    n_columns = len(job.reader.coder.schema.categorical)
    shape = (n_columns, len(job.reader.coder.schema.numeric))
    by_rank = [
        {n: paths[n] for n, rank in job.owner.items() if rank == r}
        for r in range(len(addresses))
    ]
    of_rank = [PartFiles(some, n_rows, *shape) for some in by_rank]

    def on_workers(task: Any, *given: Any) -> list[Any]:
        """Run a task on each worker, of its rank and its files."""
        futures = [
            client.submit(
                task,
                rank,
                files,
                *given,
                workers=[addresses[rank]],
                allow_other_workers=False,
                pure=False,
            )
            for rank, files in enumerate(of_rank)
        ]
        return results_of(client, futures, addresses)

    sampled = on_workers(_sample, wanted)
    by_part = {n: rows for some in sampled for n, rows in some.items()}
    sample = np.concatenate([by_part[n] for n in sorted(by_part)])
    plan = plan_of(
        job.parameters, job.reader.header, job.reader.coder, job.objective, sample
    )
    first = client.submit(free_port, workers=[addresses[0]], pure=False)
    (port,) = results_of(client, [first], addresses[:1])
    meeting = (host_of(addresses[0]), port)
    shared = held_by_all(client, (plan, sample))
    trained, *_ = on_workers(_train, shared, job.owner, n_rows, meeting, seed)
    chosen = choose(plan, sample, trained, seed)
    crosses = [(a, b) for a, b in (c.columns for c in chosen[0].crosses)]
    found = on_workers(_statistics, shared, trained.scaling, crosses)
    statistics = found[0]
    for other in found[1:]:
        statistics = crossfitted.merge_statistics(statistics, other)
    of_all = job.summary.weight, sum(n_rows.values())
    fitted = crossfitted.finish(plan, trained, chosen, statistics, *of_all)
    return CrossFitted(fitted, job.reader)


def _write(reader: parts.Reader, part: parts.Part, folder: str) -> str:
    path = os.path.join(get_worker().local_directory, folder)
    os.makedirs(path, exist_ok=True)
    return write_part(reader, part, path)


def _clear(folder: str, dask_worker: Any) -> None:
    path = os.path.join(dask_worker.local_directory, folder)
    shutil.rmtree(path, ignore_errors=True)


def _sample(
    rank: int, files: PartFiles, wanted: dict[int, int]
) -> dict[int, NDArray[Any]]:
    """Return the first rows of each part here: its rows are in random order."""
    return {n: files.read(n, 0, wanted[n]) for n in files.paths}


def _train(
    rank: int,
    files: PartFiles,
    shared: tuple[Plan, NDArray[Any]],
    owner: dict[int, int],
    n_rows: dict[int, int],
    meeting: tuple[str, int],
    seed: int,
) -> "Trained | None":
    """Train with the others; the first one returns what all have."""
    from sk_entity._learning.gathered import GatheredRows, Share, together
    from sk_entity._learning.trainer import train_encoded

    plan, sample = shared
    share = Share(rank, owner, n_rows)
    with together(*meeting, rank, share.size):
        trained = train_encoded(
            partial(GatheredRows, files.read, share),
            sample,
            [part.vocabulary.code_counts for part in plan.coder.coders],
            layout=plan.layout,
            folds=plan.folds,
            objective=plan.objective,
            settings=plan.settings(),
            seed=seed,
            progress=Progress(plan.parameters.verbose if rank == 0 else 0),
        )
    return trained if rank == 0 else None


def _statistics(
    rank: int,
    files: PartFiles,
    shared: tuple[Plan, NDArray[Any]],
    scaling: Any,
    crosses: Sequence[tuple[int, int]],
) -> list[Any]:
    plan, _ = shared
    return crossfitted.statistics_by_fold(plan, files.blocks(), scaling, crosses)
