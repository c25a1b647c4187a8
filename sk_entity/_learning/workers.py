"""Threads that share the parts of a batch, whose number the parts do not know."""

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
        """Run all tasks, the first of them in the calling thread."""
        if self._pool is None or len(tasks) < 2:
            for task in tasks:
                task()
            return
        later = [self._pool.submit(task) for task in tasks[1:]]
        try:
            tasks[0]()
            # What no thread has begun is done here.
            for task, future in reversed(list(zip(tasks[1:], later, strict=True))):
                if future.cancel():
                    task()
        finally:
            # Tasks write into tensors that are freed when an error goes up.
            for future in later:
                if not future.cancel():
                    future.result()
