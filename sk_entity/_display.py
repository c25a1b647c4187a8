"""What a fitted encoder tells of itself."""

from html import escape
from typing import Any

from sklearn.base import BaseEstimator

#: Where the pages of the documentation are.
DOCS = "https://sk-entity.readthedocs.io/en/stable"


class Display(BaseEstimator):
    """Shows what was learned beside the parameters, as text and in a notebook."""

    # scikit-learn's diagram links to this page.
    _doc_link_module = "sk_entity"
    _doc_link_template = DOCS + "/generated/{estimator_module}.{estimator_name}.html"

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """Return the parameters and, once fitted, what was learned."""
        shown = super().__repr__(N_CHAR_MAX=N_CHAR_MAX)
        learned = summary(self)
        return f"{shown}  # {learned}" if learned else str(shown)

    def _repr_html_inner(self) -> str:
        return _with_summary(self, super()._repr_html_inner())

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle and "sk-entity-learned" not in bundle["text/html"]:
            bundle["text/html"] = _with_summary(self, bundle["text/html"])
        return bundle


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
    return f"learned {columns}{listed} from {encoder._n_rows:,} rows"


def one_line(name: str) -> str:
    r"""Return a name with what is no printable character written as Python writes it.

    Examples
    --------
    >>> print(one_line("net\nprice"))
    net\nprice
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


def _with_summary(encoder: Any, page: str) -> str:
    learned = summary(encoder)
    if not learned:
        return page
    return f'{page}<p class="sk-entity-learned">{escape(learned)}</p>'
