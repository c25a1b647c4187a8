"""Values -> buckets: a vocabulary of bounded size for columns without an end."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories.cells import Cells
from sk_entity._categories.vocabulary import Vocabulary
from sk_entity._columns import Keys, Kind, factorize
from sk_entity._columns.keys import narrowed


@dataclass(frozen=True, eq=False)
class Hashing:
    """A seeded hash function from values to bucket numbers.

    The same on every platform and in every process: SipHash of the value's text, by
    pandas.

    Attributes
    ----------
    n_buckets : int
    seed : int
    narrow : bool, default=False
        Whether floats came as float32 or narrower.

    Examples
    --------
    >>> import pandas as pd
    >>> hashing = Hashing(n_buckets=1000, seed=0)
    >>> hashing.buckets(pd.Series(["Rome", "Oslo", None, "Rome"])).tolist()
    [128, 316, <NA>, 128]
    """

    n_buckets: int
    seed: int
    narrow: bool = False

    def buckets(self, values: pd.Series) -> pd.Series:
        """Return the bucket of each value; missing values stay missing.

        Numbers hash by value, whatever their type: 1, 1.0 and Int64's 1 share a
        bucket.
        """
        row, keys = factorize(values)
        floats = keys.kind is Kind.FLOAT and keys.values.dtype == np.float64
        if self.narrow and floats:
            keys = Keys(narrowed(keys.values), keys.kind)
        texts = np.asarray([_text(value) for value in keys.values], dtype=object)
        key = f"{self.seed % 10**16:016d}"
        hashed = pd.util.hash_array(texts, hash_key=key, categorize=False)
        bucket = np.append((hashed % np.uint64(self.n_buckets)).astype(np.int64), 0)
        return pd.Series(
            pd.arrays.IntegerArray(bucket.take(row, mode="wrap"), row < 0),
            name=values.name,
        )


@dataclass(frozen=True, eq=False)
class HashedVocabulary(Vocabulary):
    """A vocabulary of the buckets that training rows fell into."""

    hashing: Hashing = Hashing(1, 0)

    @classmethod
    def build_hashed(
        cls,
        values: pd.Series,
        weights: NDArray[np.float64],
        hashing: Hashing,
        **limits: Any,
    ) -> "HashedVocabulary":
        """Learn which buckets are in use; ``limits`` as `Vocabulary.build`."""
        narrow = factorize(values[:1])[1].exact is not None
        hashing = replace(hashing, narrow=narrow)
        plain = Vocabulary.build(hashing.buckets(values), weights, **limits)
        return cls(**vars(plain), hashing=hashing)

    def extend(
        self, values: pd.Series, weights: NDArray[np.float64], **limits: Any
    ) -> "HashedVocabulary":
        """Return the vocabulary with the buckets of further values."""
        return super().extend(self.hashing.buckets(values), weights, **limits)

    def encode(self, values: pd.Series) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Give each value the code of its bucket; see `Vocabulary.encode`."""
        return super().encode(self.hashing.buckets(values))

    def cells(self, values: pd.Series) -> Cells:
        """Encode a column; see `Vocabulary.cells`."""
        return super().cells(self.hashing.buckets(values))


def _text(value: Any) -> str:
    """Return the text that is hashed: of equal numbers the same."""
    number = isinstance(value, (int, float, Decimal, np.number))
    if isinstance(value, (bool, np.bool_)) or not number:
        return str(value)
    if not np.isfinite(float(value)):
        return str(float(value))
    whole = int(value)
    if whole == value:
        return str(whole)
    near = float(value)
    exact = not isinstance(value, Decimal) or Decimal(repr(near)) == value
    return str(near) if exact else str(value.normalize())
