"""Training that leaves the process as it found it, with the same bits each time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
_inside = 0
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
    global _inside, _state
    n_threads = torch.get_num_threads()
    with _lock:
        if _inside == 0:
            cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
            _state = (torch.get_rng_state(), cuda)
            torch.manual_seed(seed)
        _inside += 1
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
        with _lock:
            _inside -= 1
            if _inside == 0 and _state is not None:
                torch.set_rng_state(_state[0])
                if _state[1]:
                    torch.cuda.set_rng_state_all(_state[1])
                _state = None
