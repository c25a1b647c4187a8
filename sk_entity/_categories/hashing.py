"""Values -> buckets: a vocabulary of bounded size for columns without an end."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories.vocabulary import Vocabulary, factorize


@dataclass(frozen=True, eq=False)
class Hashing:
    """A seeded hash function from values to bucket numbers.

    The same on every platform and in every process: SipHash of the value's text, by
    pandas.

    Attributes
    ----------
    n_buckets : int
    seed : int

    Examples
    --------
    >>> import pandas as pd
    >>> hashing = Hashing(n_buckets=1000, seed=0)
    >>> hashing.buckets(pd.Series(["Rome", "Oslo", None, "Rome"])).tolist()
    [128, 316, <NA>, 128]
    """

    n_buckets: int
    seed: int

    def buckets(self, values: pd.Series) -> pd.Series:
        """Return the bucket of each value; missing values stay missing.

        Numbers hash by value, whatever their type: 1, 1.0 and Int64's 1 share a
        bucket.
        """
        row, uniques = factorize(values)
        texts = np.asarray([_text(value) for value in uniques], dtype=object)
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


def _text(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)) or not isinstance(
        value, (int, float, np.number)
    ):
        return str(value)
    whole = int(value)
    return str(whole if whole == value else float(value))
