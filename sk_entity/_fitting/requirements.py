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
            'installed here: pip install "sk-entity[train]". (Without a GPU, install '
            "PyTorch's CPU build first: it is far smaller.) Encoders that are fitted "
            "transform, save and load without."
        )
