"""What a fitted encoder tells of itself."""

from html import escape
from typing import Any

#: Where the pages of the documentation are.
DOCS = "https://sk-entity.readthedocs.io/en/stable"


def summary(encoder: Any) -> str:
    """Return columns, coordinates and rows that a fitted encoder has learned."""
    if not hasattr(encoder, "embeddings_"):
        return ""
    tables = encoder.embeddings_
    names = [
        f"{one_line(name)} {len(t):,} -> {t.dim}"
        for name, t in list(tables.items())[:6]
    ]
    if len(tables) > len(names):
        names.append("...")
    columns = f"{len(tables)} column{'s' * (len(tables) != 1)}"
    listed = f" ({', '.join(names)})" if names else ""
    return f"learned {columns}{listed} from {encoder._learned.n_rows:,} rows"


def one_line(name: str) -> str:
    r"""Return a name with what is no printable character written as Python writes it.

    Examples
    --------
    >>> print(one_line("net\nprice"))
    net\nprice
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


def with_summary(encoder: Any, page: str) -> str:
    """Return a diagram's page with what was learned below it."""
    learned = summary(encoder)
    if not learned:
        return page
    return f'{page}<p class="sk-entity-learned">{escape(learned)}</p>'
