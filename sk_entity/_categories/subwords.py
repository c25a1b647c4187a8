"""Strings -> their own table row and those of their pieces, for open vocabularies."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories.cells import Bags, Cells
from sk_entity._categories.vocabulary import UNKNOWN, Vocabulary
from sk_entity._columns import conform, factorize

#: Lengths of the character n-grams of a word.
LENGTHS = (3, 4, 5)
#: A piece of fewer categories than these shares nothing.
_FEWEST = 2
#: Of a cell's vector; the pieces have the rest.
_OWN_SHARE = 0.5


def pieces(text: str) -> list[str]:
    """Return the words of a text and the character n-grams of each, without case.

    Words carry marks of their ends, as in Bojanowski et al. (2017), "Enriching Word
    Vectors with Subword Information".

    >>> pieces("Old Oak")
    ['<old>', '<ol', 'old', 'ld>', '<old', 'old>', '<oak>', '<oa', 'oak', 'ak>', \
'<oak', 'oak>']
    """
    found = []
    for word in re.findall(r"\w+", text.casefold()):
        marked = f"<{word}>"
        found.append(marked)
        for n in LENGTHS:
            found += [marked[i : i + n] for i in range(len(marked) - n + 1)]
    return [*dict.fromkeys(found)]


@dataclass(frozen=True, eq=False)
class Subwords:
    """A column of strings whose vectors are half their own, half those of their pieces.

    A string that training did not hold has the vector of its pieces and of the unknown.

    Attributes
    ----------
    vocabulary : Vocabulary
        Of whole values.
    parts : Vocabulary
        Of pieces.
    own_rows : ndarray of shape (vocabulary.n_codes,), int32
        The table row of each value's code; row 0 is the unknown's.
    part_rows : ndarray of shape (parts.n_codes,), int32
        The table row of each piece's code; 0 for unknown pieces.
    """

    vocabulary: Vocabulary
    parts: Vocabulary
    own_rows: NDArray[np.int32]
    part_rows: NDArray[np.int32]

    @classmethod
    def build(cls, vocabulary: Vocabulary) -> "Subwords":
        """Learn the pieces that at least two categories hold."""
        common = _common(vocabulary)
        parts = Vocabulary.build(common, np.ones(len(common)))
        n = vocabulary.n_codes
        part_rows = np.arange(n - 1, n - 1 + parts.n_codes)
        part_rows[UNKNOWN] = UNKNOWN
        own_rows = np.arange(n)
        return cls(
            vocabulary, parts, own_rows.astype(np.int32), part_rows.astype(np.int32)
        )

    def extend(
        self, values: pd.Series, weights: NDArray[np.float64], **limits: Any
    ) -> "Subwords":
        """Return the coder with further values, and with pieces now common.

        As `Vocabulary.extend`: rows once given stay.
        """
        vocabulary = self.vocabulary.extend(values, weights, **limits)
        common = _common(vocabulary)
        parts = self.parts.extend(common, np.ones(len(common)))
        own_rows = _append(self.own_rows, vocabulary.n_codes, self.n_codes)
        n_codes = self.n_codes + vocabulary.n_codes - self.vocabulary.n_codes
        part_rows = _append(self.part_rows, parts.n_codes, n_codes)
        return Subwords(vocabulary, parts, own_rows, part_rows)

    @property
    def n_codes(self) -> int:
        """Rows of the table."""
        return len(self.own_rows) + len(self.part_rows) - 1

    def cells(self, values: pd.Series) -> Cells:
        """Encode a column."""
        row, keys = factorize(values)
        own, lost = self.vocabulary.codes_of(keys, values.name)
        note = None if lost is None else self.vocabulary.note(values, keys, lost)
        uniques = conform(keys, self.vocabulary.known, values.name)[0].values
        missing_code = self.vocabulary.missing_code
        own = np.append(own, UNKNOWN if missing_code is None else missing_code)
        bags = self._bags(own.astype(np.int32), list(map(_pieces, uniques)))
        missing = row < 0
        place = np.where(missing, len(uniques), row)
        unknown = (own[place] == UNKNOWN) & ~missing
        number, bags = bags.distinct()
        return Cells(number[place + 1], missing, unknown, unknown, bags, note)

    def _bags(self, own: NDArray[np.int32], lists: Sequence[list[str]]) -> Bags:
        """Return bags of values and of missing, and these with their own row hidden."""
        n = len(own)
        owner = np.repeat(np.arange(len(lists)), [len(parts) for parts in lists])
        found = pd.Series(list(chain.from_iterable(lists)), dtype=object)
        code, _ = self.parts.encode(found)
        known = code != UNKNOWN
        owner, rows = owner[known], self.part_rows[code[known]]
        n_parts = np.bincount(owner, minlength=n)
        weight = (1 - _OWN_SHARE) / n_parts[owner]
        everyone = np.arange(n)
        halves = np.full(n, _OWN_SHARE)
        numbers = np.concatenate([[0], np.arange(n) + n + 1, np.arange(n) + n + 1])
        codes = np.concatenate([[0], own, own])
        return Bags.build(
            np.concatenate([everyone, owner, everyone + n, owner + n]) + 1,
            np.concatenate([self.own_rows[own], rows, np.zeros_like(own), rows]),
            np.concatenate([halves, weight, halves, weight]),
            2 * n + 1,
            code=codes.astype(np.int32),
            masked=numbers.astype(np.int32),
        )


def _common(vocabulary: Vocabulary) -> pd.Series:
    """Return the pieces that enough categories hold."""
    found = pd.Series(
        list(chain.from_iterable(map(_pieces, vocabulary.categories))), dtype=object
    )
    counts = found.value_counts()
    return pd.Series(counts.index[counts >= _FEWEST], dtype=object)


def _append(rows: NDArray[np.int32], n: int, first: int) -> NDArray[np.int32]:
    """Give codes beyond those of ``rows`` the table rows from ``first`` on."""
    new = np.arange(first, first + n - len(rows))
    return np.concatenate([rows, new]).astype(np.int32)


def _pieces(value: Any) -> list[str]:
    return pieces(value) if isinstance(value, str) else []
