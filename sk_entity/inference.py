"""Fitted encoders where nothing is fitted: without torch, skorch and scikit-learn."""

import os
from typing import Any

from sk_entity._learned import Learned
from sk_entity._saved import load_learned
from sk_entity._table import EmbeddingTable

__all__ = ["InferenceEncoder"]


class InferenceEncoder:
    """What a fitted encoder has learned, to be looked up.

    It imports in a third of the time that scikit-learn takes, and gives the features of
    :meth:`EntityEmbeddingEncoder.transform`, to the bit. It is no estimator: in a
    scikit-learn Pipeline use :meth:`EntityEmbeddingEncoder.load`.

    Parameters
    ----------
    learned : Learned
        See :meth:`load`.

    Attributes
    ----------
    embeddings_ : dict of str -> EmbeddingTable
        The vectors of each categorical column.

    See Also
    --------
    sk_entity.EntityEmbeddingEncoder.save : Writes the file.
    sk_entity.onnx.to_onnx : For where there is no Python.

    Examples
    --------
    >>> import os, tempfile
    >>> import pandas as pd
    >>> from sk_entity import EntityEmbeddingEncoder
    >>> from sk_entity.inference import InferenceEncoder
    >>> X = pd.DataFrame({"city": ["Rome", "Oslo", "Rome", "Bari"] * 10})
    >>> encoder = EntityEmbeddingEncoder(random_state=0, max_epochs=5)
    >>> path = os.path.join(tempfile.mkdtemp(), "encoder.safetensors")
    >>> encoder.fit(X, [1.0, 3.0, 1.2, 2.0] * 10).save(path)
    >>> bool((InferenceEncoder.load(path).transform(X) == encoder.transform(X)).all())
    True
    """

    def __init__(self, learned: Learned) -> None:
        self._learned = learned

    @classmethod
    def load(cls, path: "str | os.PathLike[str]") -> "InferenceEncoder":
        """Return the encoder of a file of :meth:`EntityEmbeddingEncoder.save`.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        encoder : InferenceEncoder
            It transforms to the same bits as the encoder that was saved.

        Raises
        ------
        SavedFileError
            If the file is damaged, of something else, or of a later format.
        """
        return cls(load_learned(path)[0])

    @property
    def embeddings_(self) -> dict[str, EmbeddingTable]:
        """The vectors of each categorical column."""
        return self._learned.tables

    def get_feature_names_out(self) -> list[str]:
        """Return the names of the output columns.

        Returns
        -------
        names : list of str
            As those of :meth:`EntityEmbeddingEncoder.get_feature_names_out`.
        """
        return list(self._learned.outputs)

    def transform(self, X: Any, *, output: str = "default") -> Any:
        """Return the features of new rows.

        Parameters
        ----------
        X : frame or array-like of shape (n_rows, n_columns)
            The columns of fit; any number of rows.
        output : {"default", "pandas", "polars"}, default="default"
            An array, or a frame.

        Returns
        -------
        features : ndarray (float64) or DataFrame of shape (n_rows, n_columns_out)
            The columns that :meth:`get_feature_names_out` names.

        Raises
        ------
        ValueError
            If the columns are others than those of fit, or ``output`` is none of the
            three.
        CategoryError
            If ``handle_unknown`` or ``handle_missing`` is ``"error"`` and such a cell
            is found.
        """
        if output not in ("default", "pandas", "polars"):
            raise ValueError(
                f"output={output!r}: pass 'default' (an array), 'pandas' or 'polars'."
            )
        learned = self._learned
        features = learned.of_one_row(X, output)
        if features is not None:
            return features
        frame = learned.header.read(X)
        return learned.features(X, frame, learned.encode(frame), output)
