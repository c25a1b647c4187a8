"""Threads that share the parts of a batch, whose number the parts do not know."""

import sys
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Lock, Thread
from types import TracebackType


def available_threads() -> int:
    """Return how many threads scikit-learn's own loops would use here.

    joblib's workers, threadpoolctl and ``OMP_NUM_THREADS`` lower it. Where scikit-learn
    is not loaded, features are read for one request of many, by one thread.
    """
    # Not imported: it would take longer than reading the features of a request.
    scikit_learn = sys.modules.get("sklearn.utils._openmp_helpers")
    if scikit_learn is None:
        return 1
    return int(scikit_learn._openmp_effective_n_threads())


class Workers:
    """Runs independent tasks that let go of Python's lock.

    What is to be the same to the bit on any machine is cut into tasks by its size
    alone, and what they leave is joined in order: how many threads run them makes no
    difference.

    Parameters
    ----------
    n_threads : int
        The calling thread is one of them.

    Examples
    --------
    >>> done = []
    >>> with Workers(2) as workers:
    ...     workers.run([lambda: done.append(1), lambda: done.append(2)])
    >>> sorted(done)
    [1, 2]
    """

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads
        self._helpers = list[_Helper]()

    def __enter__(self) -> "Workers":
        for _ in range(self.n_threads - 1):
            self._helpers.append(_Helper())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for helper in self._helpers:
            helper.calls.put(None)
        for helper in self._helpers:
            helper.join()
        self._helpers.clear()

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Run all tasks, in the calling thread, too."""
        if not self._helpers or len(tasks) < 2:
            for task in tasks:
                task()
            return
        left, errors = deque(tasks), list[BaseException]()

        def work() -> None:
            while left:
                try:
                    task = left.popleft()
                except IndexError:  # another thread was faster
                    return
                try:
                    task()
                except BaseException as error:
                    errors.append(error)
                    left.clear()

        helpers = self._helpers[: len(tasks) - 1]
        try:
            for helper in helpers:
                helper.calls.put(work)
            work()
        finally:
            # Tasks write into tensors that are freed when an error goes up. A helper
            # that wakes later finds nothing left.
            left.clear()
            for helper in helpers:
                with helper.busy:
                    pass
        if errors:
            raise errors[0]


class _Helper(Thread):
    """A thread that does what it is called for, until it is called with None.

    A pool of concurrent.futures does the same with ten times as much Python, several
    times in each step of a training.
    """

    def __init__(self) -> None:
        super().__init__(name="sk_entity", daemon=True)
        self.calls = SimpleQueue[Callable[[], None] | None]()
        self.busy = Lock()
        self.start()

    def run(self) -> None:
        """Work until the end."""
        while (work := self.calls.get()) is not None:
            with self.busy:
                work()
