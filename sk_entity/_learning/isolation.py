"""Training that leaves the process as it found it, with the same bits each time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
_inside = 0
#: torch's threads before the first of the fits that run at once.
_n_threads = 1
_state: tuple[torch.Tensor, list[torch.Tensor]] | None = None


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Run with one torch thread and a seeded torch random state; restore both.

    Sums depend on how many threads share them, and a search's ``n_jobs`` changes that
    number, so training uses one thread; nets of this size gain nothing from more. Our
    own draws come from generators of their own: the global state is seeded for
    modules and callbacks that users bring. Fits in concurrent threads share it: the
    first one in saves the state, the last one out restores it.
    """
    entered: list[int] = []
    try:
        _enter(seed, entered)
        yield
    finally:
        if entered:
            _leave(entered[0])


def _enter(seed: int, entered: list[int]) -> None:
    """Save what the process has; note the threads that this one is to have again."""
    global _inside, _n_threads, _state
    with _lock:
        n_threads = torch.get_num_threads()
        if _inside == 0:
            cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
            _state, _n_threads = (torch.get_rng_state(), cuda), n_threads
            torch.manual_seed(seed)
        elif n_threads == 1:
            # A thread that starts beside a fit inherits the fit's one thread.
            n_threads = _n_threads
        _inside += 1
        entered.append(n_threads)
        torch.set_num_threads(1)


def _leave(n_threads: int) -> None:
    global _inside, _state
    with _lock:
        torch.set_num_threads(n_threads)
        _inside -= 1
        if _inside == 0 and _state is not None:
            torch.set_rng_state(_state[0])
            if _state[1]:
                torch.cuda.set_rng_state_all(_state[1])
            _state = None
