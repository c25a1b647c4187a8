"""Warnings that point at the user's line."""

import sys
import warnings

#: Packages between the user's call and ours.
_BETWEEN = ("sk_entity", "sklearn", "joblib", "skorch")


def warn(message: str, category: type[Warning]) -> None:
    """Warn, as from the first line that is neither ours nor scikit-learn's."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and _is_between(frame.f_globals):
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level + 1)


def _is_between(names: dict[str, object]) -> bool:
    return str(names.get("__name__", "")).split(".")[0] in _BETWEEN
