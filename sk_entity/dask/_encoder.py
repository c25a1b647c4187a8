"""The encoder of Dask collections."""

import inspect
import os
from typing import Any

import dask.dataframe as dd
import pandas as pd
from dask.delayed import delayed
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from sk_entity._encoder import EntityEmbeddingEncoder
from sk_entity._fitting.parts import Part
from sk_entity._lazy import is_lazy, transform_lazily
from sk_entity._parameters import documented_as
from sk_entity.dask._cluster import held_by_all
from sk_entity.dask._fit import Collections, CrossFitted, fit_collections


@documented_as(EntityEmbeddingEncoder)
class DaskEntityEmbeddingEncoder(  # type: ignore[call-arg]
    EntityEmbeddingEncoder, auto_wrap_output_keys=None
):
    """Learned vectors for categorical columns of Dask data frames.

    The conventions are those of ``lightgbm.dask`` and ``xgboost.dask``: the same
    parameters, ``fit`` on collections whose partitions stay on their workers, and
    :meth:`to_local` for the plain encoder.

    Vocabularies and targets are read where the partitions lie, and merged. Encoded rows
    then stay in files on their workers. All workers train the same tables, to the last
    bit, by torch.distributed: each reads its share of the next rows, and all gather
    them. Statistics are sums over workers.

    Folds are drawn by a row's place (its partition, and its position there), so that
    :meth:`fit_transform` finds them again. What is learned depends on the partitions
    and the seed, not on the workers.

    Parameters
    ----------
    client : distributed.Client or None, default=None
        None: the current one. It is not pickled.

    See Also
    --------
    sk_entity.EntityEmbeddingEncoder.fit_stream : Data larger than memory, one machine.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> from dask.distributed import Client
    >>> from sk_entity.dask import DaskEntityEmbeddingEncoder
    >>> from sk_entity.datasets import make_entities
    >>> data = make_entities(500, n_categories=(9, 5), random_state=0)
    >>> frame = dd.from_pandas(data.X.assign(y=data.y), npartitions=3)
    >>> with Client(processes=False, n_workers=1, dashboard_address=":0") as client:
    ...     encoder = DaskEntityEmbeddingEncoder(max_epochs=2, client=client)
    ...     features = encoder.fit_transform(frame[list(data.X)], frame["y"])
    ...     len(features.compute())
    500
    """

    def __init__(
        self,
        categorical_features: Any = "from_dtype",
        *,
        client: Any = None,
        **parameters: Any,
    ) -> None:
        super().__init__(categorical_features, **parameters)
        self.client = client

    # What scikit-learn reads the parameters from.
    __init__.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            *inspect.signature(EntityEmbeddingEncoder.__init__).parameters.values(),
            inspect.Parameter("client", inspect.Parameter.KEYWORD_ONLY, default=None),
        ]
    )

    def fit(  # type: ignore[override]
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        groups: Any = None,
    ) -> "DaskEntityEmbeddingEncoder":
        """Learn the vectors.

        Parameters
        ----------
        X : dask DataFrame of shape (n_rows, n_columns)
            Categorical and numeric columns.
        y : dask Series of shape (n_rows,)
            Of the same partitions.
        sample_weight, groups : dask Series of shape (n_rows,) or None, default=None
            As the plain encoder's, of the same partitions.

        Returns
        -------
        self : DaskEntityEmbeddingEncoder
            The fitted encoder.

        Raises
        ------
        ColumnError
            If partitions differ in their columns or types.
        DistributedFitError
            If a worker dies, or workers lose each other.
        TypeError
            If X is no Dask collection.
        ValueError
            Of parameters that need all rows in one place, as `fit_stream`.
        """
        self._fit(X, y, sample_weight, groups)
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any, groups: Any) -> CrossFitted:
        given = _collections(X, y, sample_weight, groups)
        parameters = self._plain()._checked_parameters()
        parameters.check_streaming("fit of a Dask collection")
        found = fit_collections(self._client, parameters, given)
        self._learned = found.fitted.learned
        return found

    @property
    def _client(self) -> Any:
        from distributed import get_client

        return get_client() if self.client is None else self.client

    def fit_transform(  # type: ignore[override]
        self,
        X: Any,
        y: Any = None,
        *,
        sample_weight: Any = None,
        groups: Any = None,
    ) -> Any:
        """Learn the vectors, and return the cross-fitted features of the same rows.

        Parameters
        ----------
        X : dask DataFrame of shape (n_rows, n_columns)
            Categorical and numeric columns.
        y, sample_weight, groups : dask Series of shape (n_rows,) or None, default=None
            As for :meth:`fit`.

        Returns
        -------
        features : dask DataFrame of shape (n_rows, n_columns_out)
            Lazy; with the partitions and the index of X.
        """
        fitted = self._on_workers(self._fit(X, y, sample_weight, groups))
        task = delayed(CrossFitted.features)
        lazy = [task(fitted, part) for part in _parts(X, None, None, groups)]
        meta = self.transform(X._meta)
        return dd.from_delayed(lazy, meta=meta, divisions=X.divisions)

    def _on_workers(self, value: Any) -> Any:
        """Return a future of what all tasks read: no graph has to carry it.

        None if no cluster is there.
        """
        try:
            client = self._client
        except ValueError:
            return None
        if client.status != "running":
            return None
        return held_by_all(client, value)

    def transform(self, X: Any) -> Any:
        """Return the features of new rows; of a Dask frame, lazily.

        Parameters
        ----------
        X : dask DataFrame, frame or array-like of shape (n_rows, n_columns)
            The columns of fit.

        Returns
        -------
        features : dask DataFrame or DataFrame of shape (n_rows, n_columns_out)
            The columns that :meth:`get_feature_names_out` names.
        """
        check_is_fitted(self)
        if is_lazy(X):
            held = self._on_workers(self._learned)
            return transform_lazily(self._learned, X, held)
        return self.to_local().set_output(transform="pandas").transform(X)

    def to_local(self) -> EntityEmbeddingEncoder:
        """Return the plain encoder: it saves, exports and serves as any other.

        Returns
        -------
        encoder : EntityEmbeddingEncoder
            Fitted, with the same parameters.
        """
        check_is_fitted(self)
        local = self._plain()
        local._learned = self._learned
        return local

    def _plain(self) -> EntityEmbeddingEncoder:
        """Return a plain encoder of the same parameters, not fitted."""
        parameters = self.get_params(deep=False)
        parameters.pop("client")
        return EntityEmbeddingEncoder(**parameters)

    def save(self, path: "str | os.PathLike[str]", *, omit_code: bool = False) -> None:
        """Write the plain encoder, :meth:`to_local`, to a file.

        Parameters
        ----------
        path : path-like
            The file; one that is there is replaced.
        omit_code : bool, default=False
            As for :meth:`EntityEmbeddingEncoder.save`.

        Raises
        ------
        NotSavableError
            As :meth:`EntityEmbeddingEncoder.save`.
        """
        self.to_local().save(path, omit_code=omit_code)

    def __sklearn_clone__(self) -> "DaskEntityEmbeddingEncoder":
        # A client is a connection: clones share it.
        parameters = self.get_params(deep=False)
        client = parameters.pop("client")
        copies = {name: clone(x, safe=False) for name, x in parameters.items()}
        return type(self)(client=client, **copies)

    def __reduce_ex__(self, protocol: Any) -> Any:
        found = super().__reduce_ex__(protocol)
        state = {**found[2], "client": None}
        return (*found[:2], state, *found[3:])


def _collections(X: Any, y: Any, sample_weight: Any, groups: Any) -> Collections:
    """Return what was given, partition by partition."""
    given = {"X": X, "y": y, "sample_weight": sample_weight, "groups": groups}
    wrong = [
        name
        for name, one in given.items()
        if not (is_lazy(one) or (one is None and name in ("sample_weight", "groups")))
    ]
    if wrong:
        raise TypeError(
            f"{', '.join(wrong)} must be Dask collections, got "
            f"{[type(given[name]).__name__ for name in wrong]!r}. Make them with "
            "dask.dataframe.from_pandas, or use EntityEmbeddingEncoder."
        )
    several = {k: v.npartitions for k, v in given.items() if v is not None}
    if len(set(several.values())) > 1:
        raise ValueError(
            f"Collections must have the same partitions, got {several!r} of them. Take "
            "all columns from one frame."
        )
    return Collections(X, _parts(X, y, sample_weight, groups))


def _parts(*given: Any) -> list[Any]:
    """Return a delayed `Part` of each partition, as the collections have them.

    All of a partition is read by one task, and only its columns. What Dask calls
    optimization would go on and join the partitions of files of which few columns are
    wanted: then neither would features have the partitions of the input, nor would a
    row stay in its fold.
    """
    packed = dd.map_partitions(
        _pack, *given, meta=(None, object), align_dataframes=False
    )
    blocks = packed.simplify().to_delayed(optimize_graph=False)
    make = delayed(_part)
    return [make(number, block) for number, block in enumerate(blocks)]


def _pack(*given: Any) -> pd.Series:
    # Dask wants blocks of the type that it was told.
    packed = pd.Series([None], dtype=object)
    packed.iloc[0] = given
    return packed


def _part(number: int, packed: pd.Series) -> Part:
    return Part(number, *packed.iloc[0])
