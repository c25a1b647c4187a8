"""What a fit tried by itself, what that was worth, and what it kept."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import pandas as pd


@dataclass(frozen=True)
class Choice:
    """One decision of a fit.

    Attributes
    ----------
    what : {"folds", "coordinates", "cross", "curves", "prediction"}
        The kind of thing that was chosen.
    name : str
        Of it: a column, a pair of columns ``"a*b"``, or what it is called.
    worth : float
        What speaks for it, or against what is done without it.
    z : float
        The same in standard errors; NaN where it has none.
    kept : str
        What became of it.
    """

    what: str
    name: str
    worth: float
    z: float
    kept: str


def yes_or_no(kept: bool) -> str:
    """Return what `Choice.kept` says of something that was kept whole, or was not."""
    return "yes" if kept else "no"


def as_frame(choices: Sequence[Choice]) -> pd.DataFrame:
    """Return the choices as a table, a row each.

    Parameters
    ----------
    choices : list of Choice

    Returns
    -------
    table : DataFrame of shape (n_choices, 5)
    """
    names = [field.name for field in fields(Choice)]
    rows = [[getattr(choice, name) for name in names] for choice in choices]
    table = pd.DataFrame(rows, columns=names)
    return table.astype({"worth": float, "z": float})
