"""What training starts from, other than chance: given vectors, an earlier fit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sk_entity._categories import Layout
from sk_entity._features import Predictor, Scaling


@dataclass(frozen=True, eq=False)
class Start:
    """Where training starts.

    Attributes
    ----------
    vectors : dict of int -> ndarray of shape (n_codes, dim), float32
        Vectors of some tables. Row 0 is where the prior starts; rows of NaN start at
        the prior.
    frozen : frozenset of int
        Tables that keep them.
    earlier : Earlier or None
        The fit that is continued.
    """

    vectors: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    frozen: frozenset[int] = frozenset()
    earlier: "Earlier | None" = None

    def bases(self, layout: Layout) -> list[torch.Tensor | None]:
        """Return what each table adds to its prior; None: nothing."""
        found: list[torch.Tensor | None] = [None] * len(layout.n_codes)
        for t, vectors in self.vectors.items():
            # Weight decay moves priors: those of frozen tables are zero and stay so.
            prior = np.zeros_like(vectors[:1]) if t in self.frozen else vectors[:1]
            base = np.where(np.isnan(vectors), vectors[:1], vectors) - prior
            if base.any():
                found[t] = torch.as_tensor(base, dtype=torch.float32)
        return found

    def set_priors(self, prior: torch.nn.Parameter, layout: Layout) -> None:
        """Start the priors of given tables from their unknown vectors."""
        parts = torch.split(prior.data, layout.dims)
        for t, vectors in self.vectors.items():
            if t in self.frozen:
                parts[t].zero_()
            else:
                parts[t].copy_(torch.as_tensor(vectors[0]))


@dataclass(frozen=True, eq=False)
class Earlier:
    """What a further fit keeps of an earlier one, so that vectors keep their meaning.

    Attributes
    ----------
    decoder : dict of str to ndarray
        State of the decoder.
    scaling : Scaling
    predictor : Predictor or None
        Its last head.
    pace : float
        The decoder and priors (and heads, if there is a predictor) learn at so much of
        their rate: for new rows, their share in all rows, as a running mean moves.
    """

    decoder: Mapping[str, NDArray[Any]]
    scaling: Scaling
    predictor: Predictor | None
    pace: float
