"""How far a fit is: lines on the standard error stream."""

import sys
import time

#: Share of a fit that is over when its tables, and its heads, have learned.
TABLES, HEADS = 0.8, 0.95
#: A line comes after so much more of the fit, or so many seconds.
_STEP, _SECONDS = 0.1, 10.0


class Progress:
    """Says how far a fit is and how long it will still take.

    Lines, not a bar: a log file keeps them, and fits that run at once do not overwrite
    each other's.

    Parameters
    ----------
    verbose : int
        0: nothing is said.
    """

    def __init__(self, verbose: int) -> None:
        self._is_on = verbose > 0
        self._start = self._last = time.perf_counter()
        self._said = 0.0

    def report(self, done: float, what: str) -> None:
        """Say that a share of the fit is done, unless the last line says about as much.

        Parameters
        ----------
        done : float
            0 to 1, which is always said.
        what : str
            What is being done.
        """
        now = time.perf_counter()
        is_new = done - self._said >= _STEP or now - self._last >= _SECONDS
        if not self._is_on or not (is_new or done >= 1):
            return
        self._said, self._last = done, now
        gone = now - self._start
        left = f"done in {gone:.1f} s"
        if done < 1:
            left = f"about {gone / done - gone:.1f} s left"
        line = f"entity embeddings: {100 * done:3.0f} %, {left} ({what})\n"
        sys.stderr.write(line)  # one write a line: other fits write, too
