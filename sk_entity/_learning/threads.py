"""How many threads a step runs on: as many as are allowed, while they pay."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

#: Steps in which one number of threads is timed.
_TRIAL = 10
#: Steps between two trials.
_PAUSE = 400


class Threads:
    """Switches torch between one thread and several, whichever is faster.

    Results do not depend on it, so it may be decided by the clock. On cores that are
    busy with other work, threads that wait for each other can be many times slower
    than one.

    Parameters
    ----------
    most : int
        1: nothing is switched.

    Examples
    --------
    >>> threads = Threads(1)
    >>> with threads():
    ...     pass
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._steps = 0
        self._fastest = 1
        self._seconds = [0.0, 0.0]

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Run a step on the number of threads that is best, or on trial."""
        if self.most == 1:
            yield
            return
        step = self._steps % (2 * _TRIAL + _PAUSE)
        self._steps += 1
        trial = step // _TRIAL
        n = self._fastest if trial > 1 else (1, self.most)[trial]
        start = time.perf_counter()
        torch.set_num_threads(n)
        try:
            yield
        finally:
            torch.set_num_threads(1)
        if trial > 1:
            return
        # The first steps of a trial wake threads up.
        if step % _TRIAL >= _TRIAL // 2:
            self._seconds[trial] += time.perf_counter() - start
        if step == 2 * _TRIAL - 1:
            one, several = self._seconds
            self._fastest = 1 if one <= several else self.most
            self._seconds = [0.0, 0.0]
