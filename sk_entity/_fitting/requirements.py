"""What training needs and inference does not."""

from importlib.util import find_spec

#: Packages of the extra ``train``.
_NEEDED = ("torch", "skorch")


def check_training() -> None:
    """Raise an `ImportError` that says what to install if training cannot be done."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ImportError(
            f"Fitting an EntityEmbeddingEncoder needs {' and '.join(missing)}, not "
            'installed here: pip install "sk-entity[train]" (on machines without a GPU, '
            "pip install torch --index-url https://download.pytorch.org/whl/cpu first "
            "saves gigabytes). Encoders that are fitted already need neither."
        )
