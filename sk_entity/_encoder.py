"""The encoder: START HERE.

Values become codes (`_categories`), codes become vectors by training (`_learning`),
vectors are a table (`_table`), and the table is looked up here.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, MethodMapping
from sklearn.utils.validation import check_is_fitted

from sk_entity._categories import (
    Codes,
    FrameCoder,
    Layout,
    by_column,
    multivalued_columns,
    plan_tables,
    select_columns,
)
from sk_entity._extras import Extras, learn_extras
from sk_entity._lookup import look_up, write_features
from sk_entity._pretrained import GivenVectors, read_pretrained
from sk_entity._statistics import Evidence, target_columns
from sk_entity._streaming import SAMPLE_ROWS, StreamReader
from sk_entity._table import EmbeddingTable, coordinate_names
from sk_entity._updating import blended, padded, priors_only
from sk_entity._validation import (
    Interval,
    OutputContainer,
    StrOptions,
    check_folds,
    check_frame,
    check_target,
    check_weights,
    exact_floats,
    fresh_seed,
    input_names,
    request_splitter,
)
from sk_entity.exceptions import ColumnError, NoCategoricalColumnsWarning

if TYPE_CHECKING:
    from sk_entity._learning.rows import Rows
    from sk_entity._learning.start import Scaling, Start
    from sk_entity._learning.trainer import Settings, Trained


class EntityEmbeddingEncoder(TransformerMixin, BaseEstimator):
    """Turn categorical columns into learned dense vectors, without target leakage.

    A small neural network learns a vector for every category of every categorical
    column from the target [1]_, with the numeric columns as side inputs. Similar
    categories get similar vectors, and any estimator can use the coordinates as
    numeric features.

    The features of the *training* rows are cross-fitted: each fold of the rows has
    embedding tables of its own that never see the targets of that fold, and
    :meth:`fit_transform` looks every row up in the tables of its own fold. All tables
    are read by one decoder and trained together, so they share one space; the table
    that :meth:`transform` uses sees all rows. The decoder learns only from the tables
    that did not see the row at hand. It is the one thing that folds share: a few
    thousand weights that see all targets.

    Beside the vectors stand, by default, each column's support (how many rows are
    behind a category), the target means of pairs of columns that add something, and
    the net's prediction; all of them out-of-fold on training rows.

    Unknown values get a learned vector, and categories with few rows are drawn
    towards it. Missing values are a category of their own when training rows hold
    any.

    .. note::
        ``fit(X, y).transform(X)`` does not equal ``fit_transform(X, y)``, because
        :meth:`fit_transform` cross-fits. Pipelines call it in training; do so too.

    Parameters
    ----------
    categorical_features : {"from_dtype", "all"}, str, list, mask or callable, \
            default="from_dtype"
        The columns to embed: those of str, object and category dtype
        (``"from_dtype"``), every column (``"all"``), a list of names or positions, a
        boolean mask, or a callable that takes the frame and returns one of these. All
        other columns must be numeric or boolean; they are inputs of the net.
    remainder : {"passthrough", "drop"}, default="passthrough"
        Whether the numeric columns are part of the output.
    min_frequency : int, float or None, default=None
        Categories with fewer rows (int) or a smaller share of the rows (float) share
        one vector.
    max_categories : int or None, default=None
        Upper limit on the vectors of seen categories of a column, the shared one
        included.
    handle_unknown : {"value", "return_nan", "error"}, default="value"
        What values not seen in training get: the learned unknown vector, NaN, or an
        error.
    handle_missing : {"value", "return_nan", "error"}, default="value"
        What missing values get: a vector of their own if training held any, otherwise
        the unknown vector; NaN; or an error (in fit, too).
    shared_embeddings : list of lists of str or None, default=None
        Groups of columns that share one vocabulary and one table, such as
        ``[["home_team", "away_team"]]``. Counts are of the columns together.
    multivalued : dict, list of str or None, default=None
        Columns whose cells hold several values without order: a dict from column to
        the separator of its strings (None: cells are lists, tuples, sets or arrays),
        or a list of columns whose cells are lists. Elements may be (value, weight)
        pairs. A cell's vector is the mean of its elements'; a cell without elements
        is missing.
    hash_buckets : int, dict of str to int or None, default=None
        Number of buckets into which values are hashed (for all columns, or by
        column), instead of a vocabulary that grows with the data. Values of one
        bucket share a vector.
    subwords : list of str or None, default=None
        Columns of strings whose vectors are half their own and half the mean of those
        of their words and character n-grams, so that unseen strings get the vector
        of their pieces.
    pretrained : dict of str to vectors or None, default=None
        Vectors from which columns' tables start, by category value: an
        :class:`EmbeddingTable`, a DataFrame with the values as its index, a dict, the
        path of a CSV or Parquet file, or one of these in :class:`Pretrained`, to freeze
        it. They must not have been learned from the targets of the rows of fit.
    embedding_dim : "auto", int, dict or callable, default="auto"
        Coordinates of each column: the fourth root of its number of categories, less
        where categories have few rows, at most 8 (``"auto"``); one int for all; a dict
        from column to int (others are automatic); or a callable of the number of
        categories.
    crosses : "auto", list of pairs of columns or None, default="auto"
        Pairs of categorical columns whose values together get a column with their
        out-of-fold target mean (a column a class for three classes or more):
        ``"auto"`` takes up to 10 pairs, each only if it tells more about the
        target than the net's out-of-fold prediction and the two columns' own means
        (none with ``cv=None``).
    add_statistics : bool, default=False
        Add each categorical column's out-of-fold target mean.
    add_support : bool, default=True
        Add the logarithm of one plus the number of rows behind each category. In
        training, a row's own fold is not counted, and the rest scaled up to all rows.
    add_prediction : "auto" or bool, default="auto"
        Add the net's out-of-fold prediction: the mean, or the probability of the
        second class or of each class. ``"auto"``: with cross-fitting.
    shrinkage : float, default=0.5
        How strongly categories with few rows are drawn towards the unknown vector: a
        penalty of ``shrinkage / 2`` times the squared distance, once a category.
    hidden_units : tuple of int, default=(64, 32)
        Widths of the decoder's hidden layers. A linear path stands beside them.
    dropout : float in [0, 1), default=0
        Dropout after each hidden layer.
    embedding_dropout : float in [0, 1), default=0.1
        Share of the codes replaced by "unknown" in training. It trains the unknown
        vector.
    max_epochs : "auto" or int, default="auto"
        Passes over the rows; ``"auto"`` spends a budget of 4,000 optimizer steps.
    batch_size : "auto" or int, default="auto"
        Rows a step; ``"auto"`` is a fortieth of the rows as a power of two in 128 ..
        2048.
    learning_rate : float, default=0.01
        Start of the cosine schedule for the tables; the decoder gets a tenth of it.
        With large batches, which show each row to few of the folds' tables, these
        learn at up to three times the rate.
    early_stopping : bool, default=False
        Stop after a quarter of the planned epochs without a better ``valid_loss`` and
        go back to the best. A tenth of the rows give that loss: the decoder does not
        learn from them, nor, with ``cv=None``, do the tables.
    net_params : dict or None, default=None
        Further arguments of :class:`skorch.NeuralNet`, by skorch's names:
        ``"optimizer"`` (a torch optimizer class; default: Adam, which updates the
        tables of columns with very many categories lazily),
        ``"optimizer__weight_decay"`` (L2 penalty of the decoder; default: 25 over the
        number of rows, at most 1e-3), ``"callbacks"`` (skorch callbacks, added to the
        encoder's own), and so on.
    device : str, default="auto"
        Where to train: a torch device, or ``"auto"`` for a GPU if there is one.
    verbose : int, default=0
        1 shows a progress bar.
    warm_start : bool, default=False
        Whether :meth:`fit` keeps the decoder of the last fit as it is, so that vectors
        stay in the same space, its categories and its output columns. Training rows
        still get out-of-fold vectors.
    cv : int, splitter, iterable or None, default=5
        Folds of the cross-fitting: stratified for classification, and shuffled. A
        splitter's validation folds must cover every row once. ``None`` turns
        cross-fitting off: then every training row's features have seen its target,
        and a model trained on them overfits.
    random_state : int, RandomState instance or None, default=None
        Same int, same bits. None takes a fresh seed from the operating system.

    Attributes
    ----------
    embeddings_ : dict of str -> EmbeddingTable
        The vectors of each categorical column.
    target_type_ : {"continuous", "binary", "multiclass"}
        Two values are classes. So are strings, bools and up to 100 different integers;
        floats of more than two values are a regression's, whole numbers too.
    classes_ : ndarray of shape (n_classes,) or None
        Class labels; None for regression.
    crosses_ : list of (str, str)
        The pairs of columns that have a statistic in the output.
    feature_groups_ : dict of str -> list of str
        Output columns of each input column, of each cross (``"a*b"``) and of the
        prediction (``"prediction"``), to sum importances.
    history_ : DataFrame of shape (n_epochs, n_values)
        Losses and seconds of each epoch. ``train_loss`` is computed on out-of-fold
        vectors, but the decoder has learned from its rows; ``valid_loss`` is there with
        early stopping.
    net_ : skorch.NeuralNet
        The trained net, trimmed for prediction; None without categorical columns.
    n_features_in_ : int
        Number of input columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the input columns, if all are strings.

    See Also
    --------
    sklearn.preprocessing.TargetEncoder : One number a category: faster, and as good
        where a category's mean target says all.
    sklearn.preprocessing.OneHotEncoder : For few categories and linear models.

    References
    ----------
    .. [1] C. Guo and F. Berkhahn (2016), "Entity Embeddings of Categorical Variables",
       arXiv:1604.06737.

    Examples
    --------
    >>> import pandas as pd
    >>> from sk_entity import EntityEmbeddingEncoder
    >>> X = pd.DataFrame({"city": ["Rome", "Oslo", None, "Bari"] * 25})
    >>> X["size"] = range(100)
    >>> y = [2.0, 5.0, 3.0, 2.5] * 25
    >>> encoder = EntityEmbeddingEncoder(embedding_dim=2, random_state=0)
    >>> encoder.fit_transform(X, y).shape
    (100, 5)
    >>> list(encoder.get_feature_names_out())
    ['city_00', 'city_01', 'city_support', 'prediction', 'size']
    >>> encoder.embeddings_["city"]
    EmbeddingTable('city', 3 categories, dim 2)
    """

    # What fit sets beside the attributes of the docstring.
    _coder: FrameCoder
    _vectors: list[NDArray[np.float32]]
    _counts: list[NDArray[np.float64]]
    _extras: Extras
    _scaling: "Scaling"
    _weight: float
    target_type_: str
    classes_: NDArray[Any] | None
    net_: Any

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "categorical_features": [str, "array-like", callable],
        "remainder": [StrOptions({"passthrough", "drop"})],
        "min_frequency": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
            None,
        ],
        "max_categories": [Interval(Integral, 1, None, closed="left"), None],
        "handle_unknown": [StrOptions({"value", "return_nan", "error"})],
        "handle_missing": [StrOptions({"value", "return_nan", "error"})],
        "shared_embeddings": [list, tuple, None],
        "multivalued": [Mapping, list, tuple, None],
        "hash_buckets": [Interval(Integral, 1, None, closed="left"), Mapping, None],
        "subwords": [list, tuple, None],
        "pretrained": [Mapping, None],
        "embedding_dim": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
            Mapping,
            callable,
        ],
        "crosses": [StrOptions({"auto"}), list, tuple, None],
        "add_statistics": ["boolean"],
        "add_support": ["boolean"],
        "add_prediction": [StrOptions({"auto"}), "boolean"],
        "shrinkage": [Interval(Real, 0, None, closed="left")],
        "hidden_units": [tuple, list],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "embedding_dropout": [Interval(Real, 0, 1, closed="left")],
        "max_epochs": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "early_stopping": ["boolean"],
        "net_params": [dict, None],
        "device": [str],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "cv": ["cv_object", None],
        "random_state": ["random_state"],
    }

    # Groups go to the splitter, which asks for them; the encoder itself does not.
    __metadata_request__fit: ClassVar[dict[str, str]] = {"groups": UNUSED}

    def __init__(
        self,
        categorical_features: Any = "from_dtype",
        *,
        remainder: str = "passthrough",
        min_frequency: float | None = None,
        max_categories: int | None = None,
        handle_unknown: str = "value",
        handle_missing: str = "value",
        shared_embeddings: Sequence[Sequence[str]] | None = None,
        multivalued: Mapping[str, str | None] | Sequence[str] | None = None,
        hash_buckets: int | Mapping[str, int] | None = None,
        subwords: Sequence[str] | None = None,
        pretrained: Mapping[str, Any] | None = None,
        embedding_dim: str | int | Mapping[str, int] | Callable[[int], int] = "auto",
        crosses: str | Sequence[tuple[Any, Any]] | None = "auto",
        add_statistics: bool = False,
        add_support: bool = True,
        add_prediction: str | bool = "auto",
        shrinkage: float = 0.5,
        hidden_units: tuple[int, ...] = (64, 32),
        dropout: float = 0.0,
        embedding_dropout: float = 0.1,
        max_epochs: str | int = "auto",
        batch_size: str | int = "auto",
        learning_rate: float = 0.01,
        early_stopping: bool = False,
        net_params: dict[str, Any] | None = None,
        device: str = "auto",
        verbose: int = 0,
        warm_start: bool = False,
        cv: Any = 5,
        random_state: Any = None,
    ) -> None:
        self.categorical_features = categorical_features
        self.remainder = remainder
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.handle_unknown = handle_unknown
        self.handle_missing = handle_missing
        self.shared_embeddings = shared_embeddings
        self.multivalued = multivalued
        self.hash_buckets = hash_buckets
        self.subwords = subwords
        self.pretrained = pretrained
        self.embedding_dim = embedding_dim
        self.crosses = crosses
        self.add_statistics = add_statistics
        self.add_support = add_support
        self.add_prediction = add_prediction
        self.shrinkage = shrinkage
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.embedding_dropout = embedding_dropout
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.early_stopping = early_stopping
        self.net_params = net_params
        self.device = device
        self.verbose = verbose
        self.warm_start = warm_start
        self.cv = cv
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> "EntityEmbeddingEncoder":
        """Learn the vectors of all categories.

        .. note::
            ``fit(X, y).transform(X)`` does not equal ``fit_transform(X, y)``: to make
            training features for another model, use :meth:`fit_transform`.

        Parameters
        ----------
        X : frame or array-like of shape (n_rows, n_columns)
            Categorical and numeric columns.
        y : array-like of shape (n_rows,)
            Floats for regression; strings, integers or bools for classification.
        sample_weight : array-like of shape (n_rows,) or None, default=None
            How many rows each row stands for: a row of weight 2 counts as two.
        groups : array-like of shape (n_rows,) or None, default=None
            Rows of one group stay in one fold.

        Returns
        -------
        self : EntityEmbeddingEncoder
            The fitted encoder.

        Raises
        ------
        ColumnError
            If a column cannot be used as it is.
        FoldError
            If the folds do not cover every row exactly once.
        ValueError
            If a parameter, y or sample_weight is invalid.
        """
        self._fit(X, y, sample_weight, groups, kept=self._kept_by_fit())
        return self

    def _kept_by_fit(self) -> str:
        """Return what `fit` keeps of an earlier fit."""
        return "space" if self.warm_start and hasattr(self, "_coder") else "nothing"

    def partial_fit(
        self,
        X: Any,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> "EntityEmbeddingEncoder":
        """Learn from further rows, and keep what earlier ones taught.

        New categories are added. Those that the new rows do not hold keep their
        vectors; the others move by the share of the new rows in all their rows, as
        running means do. The decoder moves as slowly, so that vectors stay in their
        space, and a model trained on them before keeps working. Output columns do not
        change.

        Parameters
        ----------
        X : frame or array-like of shape (n_rows, n_columns)
            Rows that no earlier call has seen: seen ones would teach the decoder what
            their own targets made of their vectors.
        y : array-like of shape (n_rows,)
            As for :meth:`fit`.
        classes : array-like of shape (n_classes,) or None, default=None
            All class labels, for the first call, if its rows do not hold them all.
        sample_weight : array-like of shape (n_rows,) or None, default=None
            How many rows each row stands for.
        groups : array-like of shape (n_rows,) or None, default=None
            Rows of one group stay in one fold.

        Returns
        -------
        self : EntityEmbeddingEncoder
            The fitted encoder.

        Raises
        ------
        ValueError
            If y holds a class that the first call did not know, and as :meth:`fit`.
        """
        kept = "vectors" if hasattr(self, "_coder") else "nothing"
        self._fit(X, y, sample_weight, groups, classes=classes, kept=kept)
        return self

    def fit_stream(
        self,
        source: Any,
        target: str,
        *,
        sample_weight: str | None = None,
        groups: str | None = None,
    ) -> "EntityEmbeddingEncoder":
        """Learn from frames that do not fit into memory together.

        The source is read once. Rows are encoded, kept in a temporary file and
        shuffled from there: within half a million rows of randomly drawn blocks at a
        time. What is learned is what :meth:`fit` learns, up to chance: folds and
        batches are drawn otherwise, equal rows are not merged, and crosses are chosen,
        and numbers scaled, by at most 500,000 rows.

        Parameters
        ----------
        source : str, Path, pyarrow Dataset, iterable of frames, or callable
            A Parquet file or a folder of them; or frames, all with the same columns,
            the target among them; or a callable that returns them.
        target : str
            The column of the target.
        sample_weight, groups : str or None, default=None
            Columns of weights and of groups; they are no inputs.

        Returns
        -------
        self : EntityEmbeddingEncoder
            The fitted encoder.

        Raises
        ------
        ColumnError
            If a batch lacks a column.
        ValueError
            If a parameter cannot be used with a stream: ``multivalued``, ``subwords``,
            ``pretrained``, ``early_stopping``, ``warm_start``, or a ``cv`` that is
            neither an int nor None.
        """
        from sk_entity._learning.trainer import train_spooled

        self._validate_params()
        self._check_hidden_units()
        self._check_streaming()
        seed, n_folds = fresh_seed(self.random_state), self.cv or 0
        reader = StreamReader(target, sample_weight, groups, n_folds, seed)
        with reader:
            self._read(source, reader, seed)
            coder = self._coder
            codes = Codes(np.empty((0, 0), np.int32), (None,) * len(coder.table_of))
            layout = self._layout(coder, codes, {}, True)
            trained = train_spooled(
                reader.spool,
                [part.vocabulary.code_counts for part in coder.coders],
                layout=layout,
                n_folds=n_folds,
                n_classes=self._n_classes,
                settings=self._settings(n_folds),
                seed=seed,
            )
            extras = self._stream_extras(reader.spool, layout, n_folds, trained)
        self._keep(coder, trained, extras, "nothing", reader.weight)
        return self

    def _check_streaming(self) -> None:
        wrong = [
            name
            for name in (
                "multivalued",
                "subwords",
                "pretrained",
                "early_stopping",
                "warm_start",
            )
            if getattr(self, name)
        ]
        if self.cv is not None and not isinstance(self.cv, Integral):
            wrong.append("cv")
        if wrong:
            raise ValueError(
                f"fit_stream cannot be used with {', '.join(wrong)} as given: rows "
                "come one batch at a time. Set them to their defaults (cv to an int or "
                "None), or use fit."
            )

    def _read(self, source: Any, reader: "StreamReader", seed: int) -> None:
        """Encode all batches into the reader's spool; set the coder and the target."""
        coder: FrameCoder | None = None
        for X, weights in reader.batches(source):
            frame = check_frame(self, X, reset=coder is None)
            weight = check_weights(weights, frame)
            if coder is None:
                coder = self._build_coder(frame, weight, seed)
                selection = coder.selection
                if not selection.categorical:
                    raise ColumnError(
                        "fit_stream found no categorical column by categorical_features"
                        f"={self.categorical_features!r}: there is nothing to learn."
                    )
                reader.open(len(selection.categorical), len(selection.numeric))
            else:
                coder = coder.extend(frame, weight)
            codes = coder.encode(frame).known().numbers
            reader.write(codes, self._numeric(frame, coder), weight)
        if coder is None:
            raise ValueError("fit_stream got no rows: the source is empty.")
        self._coder, numbers = coder.numbered(**self._limits)
        self.target_type_, self.classes_ = reader.finish(numbers)

    def _stream_extras(
        self, spool: Any, layout: Layout, n_folds: int, trained: "Trained"
    ) -> Extras:
        """Choose crosses by a sample, then learn all statistics from all rows."""
        from sk_entity._learning.rows import Rows

        def evidence_of(block: Any, folds: int) -> tuple[Rows, Evidence]:
            rows = Rows.of(block)
            codes = Codes(rows.codes, (None,) * rows.codes.shape[1])
            return rows, self._evidence(self._coder, rows, codes, layout, folds)

        rows, evidence = evidence_of(spool.sample(SAMPLE_ROWS), n_folds)
        chosen = self._learn_extras(
            rows, evidence, trained, self._cross_positions(self._coder)
        )
        extras: Extras | None = None
        for block in spool.blocks(SAMPLE_ROWS):
            _, evidence = evidence_of(block, 0)
            part = learn_extras(
                replace(evidence, fold=np.zeros_like(evidence.fold)),
                predict=None,
                predictor=chosen.predictor,
                crosses=[(a, b) for a, b in (c.columns for c in chosen.crosses)],
                add_statistics=self.add_statistics,
                add_support=self.add_support,
            )
            extras = part if extras is None else extras.merged(part)
        assert extras is not None
        return extras

    def fit_transform(
        self,
        X: Any,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Any:
        """Learn the vectors and return the cross-fitted features of the same rows.

        Each row gets the vectors that never saw its target.

        .. note::
            ``fit(X, y).transform(X)`` does not equal ``fit_transform(X, y)``: this is
            the method for training data, :meth:`transform` that for new data.

        Parameters
        ----------
        X : frame or array-like of shape (n_rows, n_columns)
            Categorical and numeric columns.
        y : array-like of shape (n_rows,)
            Floats for regression; strings, integers or bools for classification.
        sample_weight : array-like of shape (n_rows,) or None, default=None
            How many rows each row stands for.
        groups : array-like of shape (n_rows,) or None, default=None
            Rows of one group stay in one fold.

        Returns
        -------
        features : ndarray (float64) or DataFrame of shape (n_rows, n_columns_out)
            The columns that :meth:`get_feature_names_out` names.
        """
        # The rows of fold k read table k, which never saw their targets.
        return self._features(
            *self._fit(X, y, sample_weight, groups, kept=self._kept_by_fit())
        )

    def transform(self, X: Any) -> Any:
        """Return the features of new rows.

        .. note::
            ``fit(X, y).transform(X)`` does not equal ``fit_transform(X, y)``: these
            vectors saw the targets of all training rows.

        Parameters
        ----------
        X : frame or array-like of shape (n_rows, n_columns)
            The columns of fit; any number of rows, 0 and 1 included.

        Returns
        -------
        features : ndarray (float64) or DataFrame of shape (n_rows, n_columns_out)
            The columns that :meth:`get_feature_names_out` names.

        Raises
        ------
        CategoryError
            If ``handle_unknown`` or ``handle_missing`` is ``"error"`` and such a cell
            is found.
        """
        check_is_fitted(self)
        frame = check_frame(self, X, reset=False)
        codes = self._coder.encode(frame)
        vectors = [vectors[None] for vectors in self._vectors]
        return self._features(frame, codes, -1, vectors, self._extras)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        groups: Any,
        *,
        classes: Any = None,
        kept: str = "nothing",
    ) -> tuple[
        pd.DataFrame, Codes, NDArray[np.int32], list[NDArray[np.float32]], Extras
    ]:
        """Fit; return the frame, its codes and folds, and tables and extras by fold.

        ``kept`` of an earlier fit: "nothing"; "space", the decoder and what makes
        vectors mean what they meant; or "vectors", all of it.
        """
        # Here, not at the top: ``import sk_entity`` and ``transform`` need no torch.
        from sk_entity._learning.rows import Rows
        from sk_entity._learning.trainer import train

        self._validate_params()
        self._check_hidden_units()
        fresh = kept == "nothing"
        frame = check_frame(self, X, reset=fresh)
        target = check_target(
            y,
            len(frame),
            kind=None if fresh else self.target_type_,
            classes=classes if fresh else self.classes_,
        )
        weight = check_weights(sample_weight, frame)
        seed = fresh_seed(self.random_state)
        fold, n_folds = check_folds(self.cv, target, groups=groups, seed=seed)
        self.target_type_, self.classes_ = target.kind, target.classes
        if fresh:
            coder = self._build_coder(frame, weight, seed, **self._limits)
        else:
            coder = self._coder.extend(frame, weight, **self._limits)
        given = read_pretrained(self.pretrained, self._names(coder), coder)
        if fresh:
            for t, source in given.items():
                source.check_dim(self.embedding_dim)
                vocabulary = source.join(coder.coders[t].vocabulary)
                coder = coder.with_vocabulary(t, vocabulary)
        codes = coder.encode(frame)
        rows = Rows(
            codes.known().numbers,
            self._numeric(frame, coder),
            target.values,
            weight,
            fold,
        )
        if not coder.coders:
            self._warn_no_categories(input_names(self))
            self._coder, self.net_, self.history_ = coder, None, pd.DataFrame()
            self._store([], [], Extras([], [], None))
            return frame, codes, fold, [], self._extras
        layout = self._layout(coder, codes, given, fresh)
        start = self._start(coder, layout, given, kept, float(weight.sum()))
        trained = train(
            rows,
            layout=layout,
            n_folds=n_folds,
            n_classes=self._n_classes,
            settings=self._settings(n_folds),
            start=start,
            seed=seed,
        )
        evidence = self._evidence(coder, rows, codes, layout, n_folds)
        extras = self._learn_extras(
            rows, evidence, trained, self._cross_positions(coder) if fresh else None
        )
        self._keep(coder, trained, extras, kept, float(weight.sum()))
        return frame, codes, fold, trained.tables, extras

    def _keep(
        self,
        coder: FrameCoder,
        trained: "Trained",
        extras: Extras,
        kept: str,
        weight: float,
    ) -> None:
        """Store what was learned, joined with what was kept."""
        vectors, counts = [table[-1] for table in trained.tables], trained.counts
        final, history = extras.final(), trained.history
        if kept != "nothing":
            vectors, counts = blended(
                self._vectors,
                self._counts,
                vectors,
                counts,
                same_rows=kept == "space",
            )
        if kept == "vectors":
            final = self._extras.merged(final)
            weight += self._weight
            history = pd.concat([self.history_, history], ignore_index=True)
        self._coder, self._scaling, self._weight = coder, trained.scaling, weight
        self.net_, self.history_ = trained.net, history
        self._store(vectors, counts, final)

    def _start(
        self,
        coder: FrameCoder,
        layout: Layout,
        given: dict[int, GivenVectors],
        kept: str,
        weight: float,
    ) -> "Start":
        """Return what training starts from: given vectors, or an earlier fit."""
        from sk_entity._learning.start import Earlier, Start

        frozen = frozenset(t for t, source in given.items() if source.freeze)
        if kept == "nothing":
            vectors = {
                t: source.rows(coder.coders[t].vocabulary)
                for t, source in given.items()
            }
            return Start(vectors, frozen)
        rows = padded if kept == "vectors" else priors_only
        vectors = {
            t: (padded if t in frozen else rows)(old, layout.n_codes[t])
            for t, old in enumerate(self._vectors)
        }
        earlier = Earlier(
            decoder=self.net_.module_.decoder.state_dict(),
            scaling=self._scaling,
            # Heads of an earlier fit have seen the targets of the same rows.
            predictor=self._extras.predictor if kept == "vectors" else None,
            pace=weight / (self._weight + weight) if kept == "vectors" else 0.0,
        )
        return Start(vectors, frozen, earlier)

    def _build_coder(
        self,
        frame: pd.DataFrame,
        weight: NDArray[np.float64],
        seed: int,
        **limits: Any,
    ) -> FrameCoder:
        multivalued = multivalued_columns(self.multivalued)
        selection = select_columns(frame, self.categorical_features, multivalued)
        names = input_names(self)
        plans = plan_tables(
            [names[i] for i in selection.categorical],
            shared_embeddings=self.shared_embeddings,
            multivalued=self.multivalued,
            hash_buckets=self.hash_buckets,
            subwords=self.subwords,
        )
        return FrameCoder.build(
            frame,
            weight,
            selection,
            plans,
            handle_unknown=self.handle_unknown,
            handle_missing=self.handle_missing,
            seed=seed,
            **limits,
        )

    @property
    def _limits(self) -> dict[str, Any]:
        return {
            "min_frequency": self.min_frequency,
            "max_categories": self.max_categories,
        }

    def _names(self, coder: FrameCoder) -> list[str]:
        """Names of the categorical columns."""
        names = input_names(self)
        return [names[i] for i in coder.selection.categorical]

    def _layout(
        self,
        coder: FrameCoder,
        codes: Codes,
        given: dict[int, GivenVectors],
        fresh: bool,
    ) -> Layout:
        from sk_entity._learning.sizes import embedding_dims

        names, n_codes = self._names(coder), [part.n_codes for part in coder.coders]
        if fresh:
            dims = embedding_dims(
                self.embedding_dim,
                [[names[j] for j in part.plan.columns] for part in coder.coders],
                # The unknown code is no category.
                [part.vocabulary.n_codes - 1 for part in coder.coders],
                [part.vocabulary.total for part in coder.coders],
            )
            for t, source in given.items():
                dims[t] = source.dim
        else:
            dims = [vectors.shape[1] for vectors in self._vectors]
        return Layout(n_codes, dims, coder.table_of, list(codes.bags))

    def _store(
        self,
        vectors: list[NDArray[np.float32]],
        counts: list[NDArray[np.float64]],
        extras: Extras,
    ) -> None:
        """Set what `transform` needs, and what users look at."""
        names = self._names(self._coder)
        self._vectors, self._counts, self._extras = vectors, counts, extras
        self.embeddings_ = {
            name: EmbeddingTable(
                name,
                self._coder.coders[t].vocabulary,
                self._vectors[t],
                counts[t],
                self._coder.coders[t].subwords,
            )
            for name, t in zip(names, self._coder.table_of, strict=True)
        }
        self.crosses_ = [
            (names[a], names[b]) for a, b in (c.columns for c in extras.crosses)
        ]
        self.feature_groups_ = self._feature_groups(input_names(self))

    def _settings(self, n_folds: int) -> "Settings":
        from sk_entity._learning.trainer import Settings

        return Settings(
            hidden_units=tuple(self.hidden_units),
            dropout=self.dropout,
            embedding_dropout=self.embedding_dropout,
            shrinkage=self.shrinkage,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            early_stopping=self.early_stopping,
            net_params=self.net_params or {},
            device=self.device,
            verbose=self.verbose,
            predict=self._adds_prediction(n_folds) or self._chooses_crosses(n_folds),
        )

    @property
    def _n_classes(self) -> int | None:
        return None if self.classes_ is None else len(self.classes_)

    def _evidence(
        self,
        coder: FrameCoder,
        rows: "Rows",
        codes: Codes,
        layout: Layout,
        n_folds: int,
    ) -> Evidence:
        coders = [coder.coders[t] for t in layout.table_of]
        return Evidence(
            layout=layout,
            numbers=rows.codes,
            codes=codes.known().whole(),
            n_codes=[
                1 if part.plan.multivalued else part.vocabulary.n_codes
                for part in coders
            ],
            target=target_columns(rows.target, self._n_classes),
            weight=rows.weight,
            fold=rows.fold,
            n_folds=n_folds,
        )

    def _learn_extras(
        self,
        rows: "Rows",
        evidence: Evidence,
        trained: "Trained",
        crosses: list[tuple[int, int]] | None,
    ) -> Extras:
        """Learn what stands beside the vectors; with the earlier crosses for None."""
        predictor, layout = trained.predictor, evidence.layout

        def predict(index: NDArray[np.intp]) -> NDArray[np.float64]:
            assert predictor is not None
            fold = rows.fold[index]
            cells = by_column(trained.tables, layout.table_of, layout.bags)
            vectors = look_up(cells, rows.codes[index], fold)
            return predictor.predict(vectors, rows.numeric[index], fold)

        n_folds = evidence.n_folds
        choose = crosses is not None and self._chooses_crosses(n_folds)
        if crosses is None:
            crosses = [(a, b) for a, b in (c.columns for c in self._extras.crosses)]
        return learn_extras(
            evidence,
            predict=predict if choose else None,
            predictor=predictor if self._adds_prediction(n_folds) else None,
            crosses=crosses,
            add_statistics=self.add_statistics,
            add_support=self.add_support,
        )

    def _adds_prediction(self, n_folds: int) -> bool:
        return (
            n_folds > 0 if self.add_prediction == "auto" else bool(self.add_prediction)
        )

    def _chooses_crosses(self, n_folds: int) -> bool:
        # Without folds there is no evidence to choose by.
        return isinstance(self.crosses, str) and n_folds > 0

    def _cross_positions(self, coder: FrameCoder) -> list[tuple[int, int]]:
        """Return the pairs that ``crosses`` names, as positions."""
        if self.crosses is None or isinstance(self.crosses, str):
            return []
        pairs, names = [], self._names(coder)
        for pair in self.crosses:
            known = not isinstance(pair, str) and set(map(str, pair)) <= set(names)
            if not known or len(pair) != 2 or len(set(pair)) != 2:
                raise ColumnError(
                    f"crosses holds {pair!r}, which is not a pair of two categorical "
                    f"columns. Those are {names!r}. Pass pairs of names, 'auto' or "
                    "None."
                )
            several = set(map(str, pair)) & set(multivalued_columns(self.multivalued))
            if several:
                raise ColumnError(
                    f"crosses holds {pair!r}, but the cells of {sorted(several)!r} are "
                    "multivalued: a cross needs one value a cell."
                )
            pairs.append((names.index(str(pair[0])), names.index(str(pair[1]))))
        return pairs

    def _check_hidden_units(self) -> None:
        for units in self.hidden_units:
            if not isinstance(units, Integral) or units < 1:
                raise ValueError(
                    "hidden_units must hold positive integers, one a layer, got "
                    f"{self.hidden_units!r}."
                )

    def _numeric(self, frame: pd.DataFrame, coder: FrameCoder) -> NDArray[np.float64]:
        """Return the numeric columns as floats, NaN where missing; refuse infinity."""
        names = input_names(self)
        columns = coder.selection.numeric
        numeric = np.empty((len(frame), len(columns)))
        for j, i in enumerate(columns):
            numeric[:, j] = exact_floats(names[i], frame.iloc[:, i])
        return numeric

    def _features(
        self,
        frame: pd.DataFrame,
        codes: Codes,
        fold: int | NDArray[np.int32],
        tables: list[NDArray[np.float32]],
        extras: Extras,
    ) -> Any:
        """Look everything up, each row in its fold's tables, as ``set_output`` says."""
        kept = self._coder.selection.numeric if self.remainder == "passthrough" else ()
        needs_numbers = extras.predictor is not None
        numeric = (
            self._numeric(frame, self._coder)
            if needs_numbers
            else np.empty((len(frame), 0))
        )
        output = OutputContainer(self, frame, kept)
        write_features(
            output.learned, codes, fold, tables, self._coder.table_of, extras, numeric
        )
        return output.finish()

    def _feature_groups(self, names: list[str]) -> dict[str, list[str]]:
        extras, classes = self._extras, [""]
        if self.classes_ is not None and len(self.classes_) > 2:
            classes = [f"_{label}" for label in self.classes_]
        groups = []
        for name, table in self.embeddings_.items():
            outputs = coordinate_names(name, table.dim)
            if self.add_statistics:
                outputs += [f"{name}_statistic{label}" for label in classes]
            if self.add_support:
                outputs.append(f"{name}_support")
            groups.append((name, outputs))
        for pair in self.crosses_:
            cross = "*".join(pair)
            groups.append((cross, [f"{cross}{label}" for label in classes]))
        if extras.predictor is not None:
            groups.append(("prediction", [f"prediction{label}" for label in classes]))
        if self.remainder == "passthrough":
            groups += [(names[i], [names[i]]) for i in self._coder.selection.numeric]
        keys = [key for key, _ in groups]
        outputs = [output for _, group in groups for output in group]
        twice = {x for some in (keys, outputs) for x in some if some.count(x) > 1}
        if twice:
            raise ColumnError(
                f"Output columns would share names: {sorted(twice)!r}. A column of X "
                "has the name of an embedding coordinate, a statistic, a cross or the "
                "prediction: rename it."
            )
        return dict(groups)

    def _warn_no_categories(self, names: list[str]) -> None:
        shown = names[:10] + (["..."] if len(names) > 10 else [])
        warnings.warn(
            f"No categorical column found among {shown} by categorical_features="
            f"{self.categorical_features!r}: the numeric columns pass through and "
            "nothing is learned. Pass the names of the columns to embed, or 'all' for "
            "every column.",
            NoCategoricalColumnsWarning,
            stacklevel=4,
        )

    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> NDArray[Any]:
        """Return the names of the output columns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            The names of fit, or None.

        Returns
        -------
        names : ndarray of str, shape (n_columns_out,)
            ``column_00``, ``column_01``, ..., ``column_statistic``,
            ``column_support`` for each categorical column, then ``a*b`` for each cross,
            ``prediction``, and the numeric columns.
        """
        check_is_fitted(self)
        input_names(self, input_features)
        names = [name for group in self.feature_groups_.values() for name in group]
        return np.asarray(names, dtype=object)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return what metadata the encoder and its splitter ask for.

        Returns
        -------
        routing : MetadataRouter
            ``sample_weight`` is for the encoder if requested by ``set_fit_request``;
            ``groups`` is for the splitter ``cv``.
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        methods = MethodMapping()
        methods.add(caller="fit", callee="split")
        methods.add(caller="fit_transform", callee="split")
        router.add(splitter=request_splitter(self.cv), method_mapping=methods)
        return router

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        return tags
