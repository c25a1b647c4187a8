"""Threads that share the parts of a batch, whose number the parts do not know."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType


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
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> "Workers":
        if self.n_threads > 1:
            self._pool = ThreadPoolExecutor(self.n_threads - 1, "sk_entity")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Run all tasks, in the calling thread, too."""
        if self._pool is None or len(tasks) < 2:
            for task in tasks:
                task()
            return
        left = deque(tasks)

        def work() -> None:
            while left:
                try:
                    task = left.popleft()
                except IndexError:  # another thread was faster
                    return
                task()

        n_others = min(self.n_threads, len(tasks)) - 1
        others = [self._pool.submit(work) for _ in range(n_others)]
        try:
            work()
        finally:
            # Tasks write into tensors that are freed when an error goes up.
            left.clear()
            for other in others:
                if not other.cancel():
                    other.result()
