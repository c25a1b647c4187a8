"""A cluster's partitions and workers: who does what, and what if one dies."""

import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from dask.delayed import delayed
from distributed import Client, wait
from distributed.client import FuturesCancelledError

from sk_entity.exceptions import DistributedFitError

#: Seconds between two looks at the cluster, and without any worker, at most.
_LOOK, _MOST_ALONE = 0.5, 60

#: A `distributed.Future`.
Task = Any


def results_of(
    client: Client, futures: Sequence[Task], pinned: Sequence[str] = ()
) -> list[Any]:
    """Return the results of tasks; raise if one fails, or loses its worker.

    Parameters
    ----------
    client : Client
    futures : list of distributed.Future
    pinned : list of str
        Workers without which the tasks cannot end.

    Raises
    ------
    DistributedFitError
        If one of these workers is gone. What a task raises is raised as it is.
    """
    watch(client, futures, pinned)
    return list(client.gather(list(futures)))


def watch(client: Client, futures: Sequence[Task], pinned: Sequence[str]) -> None:
    """Wait for tasks, and raise as `results_of`; whatever happens, none runs on."""
    try:
        left, seen = set(futures), time.monotonic()
        while left:
            with suppress(TimeoutError, FuturesCancelledError):
                left = set(wait(list(left), _LOOK, return_when="FIRST_COMPLETED")[1])
            alive = set(client.nthreads())
            seen = time.monotonic() if alive else seen
            if time.monotonic() - seen > _MOST_ALONE:
                raise DistributedFitError(
                    f"The cluster has had no workers for {_MOST_ALONE} s. Start some, "
                    "and fit again."
                )
            lost = sorted(set(pinned) - alive)
            if lost:
                raise DistributedFitError(
                    f"Workers {lost} are gone: they died, or were killed, for example "
                    "for want of memory. What they held of the fit is lost with them. "
                    "Fit again; if it was memory, use smaller partitions or workers "
                    "with more of it."
                )
            for future in futures:
                if future.done() and future.status != "finished":
                    _raise(future)
    except BaseException:
        client.cancel(list(futures), force=True)
        raise


def _raise(future: Task) -> None:
    error = future.exception()
    if future.status == "error" and isinstance(error, Exception):
        raise error
    raise DistributedFitError(
        f"A task of the fit was {future.status}: the cluster was restarted or closed."
    )


def reduced(client: Client, merge: Any, lazy: Sequence[Any]) -> Any:
    """Merge what delayed tasks give, pair by pair on the workers; return the last.

    All is one graph, of which Dask merges a pair as soon as it is there: at any time,
    a worker has about as many results as the tree has levels.
    """
    level, make = list(lazy), delayed(merge)
    while len(level) > 1:
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        level = [make(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    (found,) = results_of(client, client.compute(level))
    return found


def held_by_all(client: Client, value: Any) -> Task:
    """Return a future of a value that all workers have.

    By a name of its own: by that of its content, it would be that of an equal value
    that an earlier fit is just giving up, and be lost with it.
    """
    return client.scatter(value, broadcast=True, hash=False)


def assign(
    client: Client, collection: Any, n_rows: dict[int, int]
) -> tuple[list[str], dict[int, int]]:
    """Give each partition with rows a worker: the one that holds it, if one does.

    Parameters
    ----------
    client : Client
    collection : dask DataFrame
    n_rows : dict of int to int
        Rows of each partition that has any.

    Returns
    -------
    addresses : list of str
        Workers that have partitions.
    owner : dict of int to int
        The position of each partition's worker among these.
    """
    every = sorted(client.nthreads())
    if not every:
        raise DistributedFitError(
            "The cluster has no workers. Start some, or wait for them with "
            "client.wait_for_workers(1)."
        )
    held = _holders(client, collection)
    # Without a holder: even shares of the rows, in the order of the partitions.
    total, before, where = sum(n_rows.values()), 0, dict[int, str]()
    for number in sorted(n_rows):
        place = every[min(before * len(every) // max(total, 1), len(every) - 1)]
        where[number] = held.get(number, place)
        before += n_rows[number]
    addresses = sorted(set(where.values()))
    return addresses, {n: addresses.index(where[n]) for n in sorted(where)}


def _holders(client: Client, collection: Any) -> dict[int, str]:
    """Return the worker that holds each partition of a persisted collection."""
    from distributed import futures_of

    futures = futures_of(collection)
    if len(futures) != collection.npartitions:
        return {}
    wait(futures)
    found = client.who_has(futures)
    by_number = dict[int, str]()
    for future in futures:
        key = future.key
        holders = sorted(found.get(str(key), found.get(key, ())))
        number = key[-1] if isinstance(key, tuple) else None
        if holders and isinstance(number, int):
            by_number[number] = holders[0]
    return by_number


def free_port() -> int:
    """Return a port of this machine that nobody uses."""
    with socket.socket() as found:
        found.bind(("", 0))
        return int(found.getsockname()[1])


def host_of(address: str) -> str:
    """Return the host of a worker's address.

    >>> host_of("tcp://10.0.0.7:4321")
    '10.0.0.7'
    """
    return address.rsplit(":", 1)[0].split("://")[-1].strip("[]")
