"""Training that leaves the process as it found it, with the same bits each time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sk_entity._workers import Workers

_lock = threading.Lock()
#: The fits that run at once.
_inside = set["_Fit"]()
#: What the first of them found, until the last restores it: torch's threads, and its
#: random states on the CPU and on GPUs.
_found: tuple[int, torch.Tensor, list[torch.Tensor]] | None = None


class _Fit:
    """A fit, and the threads that its own thread is to have again."""

    n_threads: int | None = None


@contextmanager
def isolated(seed: int) -> Iterator[Workers]:
    """Run with one torch thread and a seeded torch random state; restore both.

    Sums depend on how many threads share them, and a search's ``n_jobs`` changes that
    number, so torch's operations use one thread. What is cut into parts by its size
    alone is given to workers: as many as torch had threads, which joblib, threadpoolctl
    and ``OMP_NUM_THREADS`` limit, over the number of fits that run at once.

    Our own draws come from generators of their own: the global state is seeded for
    modules and callbacks that users bring. Fits in concurrent threads share it: the
    first one in saves the state, the last one out restores it.

    An interrupt may come between any two steps: what is to be undone is noted before it
    is done, and an undoing that is cut short is done again.
    """
    fit = _Fit()
    try:
        with Workers(_enter(seed, fit)) as workers:
            yield workers
    finally:
        try:
            _leave(fit)
        finally:
            _leave(fit)


def _enter(seed: int, fit: _Fit) -> int:
    """Prepare a fit; return how many threads it may use."""
    global _found
    with _lock:
        n_threads = torch.get_num_threads()
        first = not _inside
        if _found is None:
            cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
            _found = n_threads, torch.get_rng_state(), cuda
        elif n_threads == 1:
            # A thread that starts beside a fit inherits the fit's one thread.
            n_threads = _found[0]
        fit.n_threads = n_threads
        _inside.add(fit)
        if first:
            torch.manual_seed(seed)
        torch.set_num_threads(1)
        return max(n_threads // len(_inside), 1)


def _leave(fit: _Fit) -> None:
    """Undo `_enter`, or as much of it as was done; no harm in doing it twice."""
    global _found
    with _lock:
        if fit.n_threads is not None:
            torch.set_num_threads(fit.n_threads)
        _inside.discard(fit)
        if not _inside and _found is not None:
            _, state, cuda = _found
            torch.set_rng_state(state)
            if cuda:
                torch.cuda.set_rng_state_all(cuda)
            _found = None
        fit.n_threads = None
