"""The encoder: START HERE.

Values become codes (`_categories`), codes become vectors by training (`_learning`),
vectors are a table (`_table`), and features are looked up in it (`_features`). What
`_fitting` returns, `Learned`, is all that an encoder holds beside its parameters.
"""

import copyreg
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, MethodMapping
from sklearn.utils.validation import check_is_fitted

from sk_entity._choices import as_frame
from sk_entity._display import DOCS, summary, with_summary
from sk_entity._fitting import (
    Given,
    TrainingRows,
    check_training,
    learn,
    learn_stream,
    request_splitter,
)
from sk_entity._inverse import inputs_of
from sk_entity._lazy import is_lazy, transform_lazily
from sk_entity._learned import Learned, fitted
from sk_entity._output import makes_own_containers
from sk_entity._parameters import CONSTRAINTS, Parameters, refusing_strangers, stranger
from sk_entity._saved import load_encoder, pack_learned, save_encoder, unpack_learned
from sk_entity._validation import check_frame, input_names, output_kind, read_input


@makes_own_containers
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
    that did not see the row at hand. It is what folds share, a few thousand weights
    that see all targets, with the axes of tables and what is chosen (``choices_``).

    Beside the vectors stand, by default, each column's support (how many rows are
    behind a category), the target means of pairs of columns that add something, and
    the net's prediction; all of them out-of-fold on training rows.

    Unknown values get a learned vector, and categories with few rows are drawn towards
    it. Missing values are a category of their own when training rows hold any.

    .. note::
        ``fit(X, y).transform(X)`` does not equal ``fit_transform(X, y)``, because
        :meth:`fit_transform` cross-fits. Pipelines call it in training; do so too.

    Parameters
    ----------
    categorical_features : {"from_dtype", "all"}, str, list, mask or callable, \
            default="from_dtype"
        The columns to embed: those of text, of category dtypes and of mixed cells
        (``"from_dtype"``), every column (``"all"``), a list of names or positions, a
        boolean mask, or a callable that takes the frame, as pandas has it, and returns
        one of these. Numbers and booleans among the others are inputs of the net. All
        else passes through frame outputs untouched.
    remainder : {"passthrough", "drop"}, default="passthrough"
        Whether the columns that are not embedded are part of the output.
    min_frequency : int, float or None, default=None
        Categories with fewer rows (int) or a smaller share of the rows (float) share
        one vector.
    max_categories : int or None, default=None
        Upper limit on the vectors of seen categories of a column, the shared one
        included.
    handle_unknown : {"value", "warn", "return_nan", "error"}, default="value"
        What values not seen in training get: the learned unknown vector; the same,
        with a warning; NaN; or an error. With NaN, the column's vector, statistic and
        support are NaN; crosses and the prediction are those of the unknown value.
    handle_missing : {"value", "return_nan", "error"}, default="value"
        What missing values get: a vector of their own if training held any, otherwise
        the unknown vector; NaN, as above; or an error (in fit, too).
    shared_embeddings : list of lists of str or None, default=None
        Groups of columns that share one vocabulary and one table, such as
        ``[["home_team", "away_team"]]``. Counts are of the columns together.
    multivalued : dict, list of str or None, default=None
        Columns whose cells hold several values without order: a dict from column to the
        separator of its strings (None: cells are lists, tuples, sets or arrays), or a
        list of columns whose cells are lists. Elements may be (value, weight) pairs. A
        cell's vector is the mean of its elements'; a cell without elements is missing.
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
        Coordinates of each column: one int for all; a dict from column to int (others
        are automatic); or a callable of the number of categories. ``"auto"``: the
        fourth root of that number, 4 to 8, fewer of few categories and where these have
        few rows (rows of rare classes and of one group count less). Such tables have
        principal axes for coordinates, and those axes are output that hold a tenth of
        the variance; one, if the prediction does without the column.
    crosses : "auto", list of pairs of columns or None, default="auto"
        Pairs of categorical columns that get a column with their out-of-fold target
        mean (a class each, of three or more), or of one and a numeric column, with a
        curve over the number for each category. ``"auto"``, with folds: pairs that tell
        more than either column and the net's prediction, and curves that trees are
        better with (of 2,000 rows or more, not in splits of time).
    add_statistics : bool, default=False
        Add each categorical column's out-of-fold target mean.
    add_support : bool, default=True
        Add the logarithm of one plus the number of rows behind each category. In
        training, a row's own fold is not counted, and the rest scaled up to all rows.
    add_prediction : "auto" or bool, default="auto"
        Add the net's out-of-fold prediction: the mean, or the probability of the
        second class or of each class. ``"auto"``: with cross-fitting, unless small
        trees on the training features are clearly better without it.
    shrinkage : float, default=0.5
        How strongly categories with few rows are drawn towards the unknown vector: a
        penalty of ``shrinkage / 2`` times the squared distance, once a category.
    loss : str, loss of :mod:`sk_entity.losses` or torch loss, default="auto"
        What the net is trained for: ``"squared_error"`` (``"auto"`` for numbers),
        ``"absolute_error"``, ``"huber"``, ``"quantile"``, ``"poisson"``, ``"gamma"``,
        ``"tweedie"``, ``"log_loss"`` (``"auto"`` for classes), one of these with a
        number of its own such as ``Quantile(0.9)``, a torch loss (class or instance)
        of one value a row or of all rows of a batch, ``PerTarget`` for a target of
        several columns, or ``"self_supervised"``: then hidden cells are told from the
        others of their row, ``y`` is not read, and nothing is cross-fitted.
    net : tuple of int, torch module or callable, default=(64, 32)
        What reads vectors and numbers: widths of the hidden layers of a perceptron,
        beside which a linear path stands; or a net of your own, a class or callable of
        (n_inputs, n_outputs), or a module, that returns raw scores.
    embedding_dropout : float in [0, 1), default=0.1
        Share of the codes replaced by "unknown" in training. It trains the unknown
        vector.
    max_epochs : "auto" or int, default="auto"
        Passes over the rows, of which rates stand in the first quarter and then fall
        to zero. ``"auto"`` plans 2,800 optimizer steps, at most 40 passes (80 with
        batches of 2,048 rows), and lets rates fall as soon as ``train_loss``, which is
        out-of-fold, is flat. A small number is a preset for the impatient: see
        ``docs/performance.md`` for what it costs in quality.
    batch_size : "auto" or int, default="auto"
        Rows a step, at most; steps of a pass differ by one row. ``"auto"`` is a
        fortieth of the rows as a power of two in 128 .. 2048.
    learning_rate : float, default=0.02
        Where the tables' rate starts; the decoder gets three tenths of it, the heads
        of the prediction twice as much. With large batches, which show each row to
        some of the folds' tables, these learn at up to three times the rate.
    early_stopping : bool, default=False
        Stop after a quarter of the planned epochs without a better ``valid_loss`` and
        go back to the best. A tenth of the rows give that loss: the decoder does not
        learn from them, nor, with ``cv=None``, do the tables.
    net_params : dict or None, default=None
        Further arguments of :class:`skorch.NeuralNet`, by skorch's names:
        ``"optimizer"`` (a torch optimizer class; default: Adam, which updates the
        tables of columns with very many categories lazily),
        ``"optimizer__weight_decay"`` (L2 penalty of the decoder; default: 25 over the
        number of rows, at most 1e-3), ``"module__dropout"`` (after each hidden layer of
        the perceptron; default: 0), ``"callbacks"`` (skorch callbacks, added to the
        encoder's own; an LRScheduler takes the place of the encoder's own schedule),
        ``"compile"`` (whether torch compiles the decoder), and so on.
    device : str, default="auto"
        Where to train: a torch device, or ``"auto"`` for a GPU if there is one.
    verbose : int, default=0
        1 says how far the fit is and how long it will still take, in lines on the
        standard error stream.
    warm_start : bool, default=False
        Whether :meth:`fit` keeps the decoder of the last fit as it is, so that vectors
        stay in the same space, its categories and its output columns. Training rows
        still get out-of-fold vectors.
    cv : "auto", int, splitter, iterable or None, default="auto"
        Folds of the cross-fitting. An int: shuffled, stratified, copies in one fold.
        ``"auto"``: 5 of these, or ``TimeSeriesSplit(5)`` with a warning where later
        rows are clearly harder to predict than random ones and no groups are given. A
        row's features come from tables that learned from the training indices of the
        split that holds it out, once at most; others get the unknown vector and the
        mean target. ``None`` turns cross-fitting off: then every training row's
        features have seen its target, and a model trained on them overfits.
    random_state : int, RandomState instance or None, default=None
        Same int, same bits. None takes a fresh seed from the operating system.

    Attributes
    ----------
    embeddings_ : dict of str -> EmbeddingTable
        The vectors of each categorical column.
    target_type_ : {"continuous", "binary", "multiclass"}, or list of these
        Two values are classes. So are strings, bools and up to 100 different integers;
        floats of more than two values are a regression's, whole numbers too, and so is
        everything under a loss of numbers. A list for a target of several columns.
    classes_ : ndarray of shape (n_classes,) or None, or list of these
        Class labels; None for regression.
    crosses_ : list of (str, str)
        Pairs of columns that have a statistic in the output, a number second.
    choices_ : DataFrame of shape (n_choices, 5)
        What the fit tried, what that was worth, and what was kept of it.
    feature_groups_ : dict of str -> list of str
        Output columns of each input column, of each cross (``"a*b"``) and of the
        prediction (``"prediction"``), to sum importances.
    history_ : DataFrame of shape (n_epochs, n_values)
        Losses and seconds (``dur``) of each epoch. ``train_loss`` is computed on
        out-of-fold vectors, but the decoder has learned from its rows; ``valid_loss``
        is there with early stopping.
    net_ : skorch.NeuralNet
        The trained net, trimmed for prediction; None without categorical columns.
    n_features_in_ : int
        Number of input columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
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

    # Groups go to the splitter, which asks for them; the encoder itself does not.
    __metadata_request__fit: ClassVar[dict[str, str]] = {"groups": UNUSED}
    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS
    # scikit-learn's diagram links to this page.
    _doc_link_module = "sk_entity"
    _doc_link_template = DOCS + "/generated/{estimator_module}.{estimator_name}.html"

    #: All that was learned; set by fits, in one assignment, when all is done.
    _learned: Learned

    @refusing_strangers
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
        loss: Any = "auto",
        net: Any = (64, 32),
        embedding_dropout: float = 0.1,
        max_epochs: str | int = "auto",
        batch_size: str | int = "auto",
        learning_rate: float = 0.02,
        early_stopping: bool = False,
        net_params: dict[str, Any] | None = None,
        device: str = "auto",
        verbose: int = 0,
        warm_start: bool = False,
        cv: Any = "auto",
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
        self.loss = loss
        self.net = net
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
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        offset: ArrayLike | str | None = None,
    ) -> "EntityEmbeddingEncoder":
        """Learn the vectors of all categories.

        .. note::
            ``fit(X, y).transform(X)`` does not equal ``fit_transform(X, y)``: to make
            training features for another model, use :meth:`fit_transform`.

        Parameters
        ----------
        X : frame or array-like of shape (n_rows, n_columns)
            Categorical and numeric columns.
        y : array-like of shape (n_rows,) or (n_rows, n_targets)
            Floats for regression; strings, integers or bools for classification. Of
            several columns, which may be of several kinds, values may be missing.
        sample_weight : array-like of shape (n_rows,) or None, default=None
            How many rows each row stands for: a row of weight 2 counts as two.
        groups : array-like of shape (n_rows,) or None, default=None
            Rows of one group stay in one fold, and count as one row where
            ``embedding_dim="auto"`` and ``crosses="auto"`` ask how much rows tell.
        offset : array-like of shape (n_rows,), str or None, default=None
            Added to the net's raw output, so that vectors learn what it leaves over:
            the log of the exposure of a count, or the raw score of another model. A
            str names a column of X, which stays an input.

        Returns
        -------
        self : EntityEmbeddingEncoder
            The fitted encoder.

        Raises
        ------
        ColumnError
            If a column cannot be used as it is.
        FoldError
            If a row is held out more than once, or would teach the table that it reads.
        ValueError
            If a parameter, y or sample_weight is invalid.
        """
        self._learned, _ = self._learn(
            X, y, sample_weight, groups, offset, self._earlier_of_fit
        )
        return self

    @property
    def _earlier_of_fit(self) -> Learned | None:
        """What `fit` keeps of."""
        return self._learned if self.warm_start and self._is_fitted else None

    @property
    def _is_fitted(self) -> bool:
        return "_learned" in vars(self)

    def _learn(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        groups: Any,
        offset: Any,
        earlier: Learned | None,
        *,
        classes: Any = None,
        same_rows: bool = True,
    ) -> tuple[Learned, TrainingRows]:
        parameters = self._checked_parameters()
        if earlier is None:
            frame, header = read_input(X)
        else:
            earlier.check_can_go_on()
            frame, header = check_frame(self, X, some=True), earlier.header
        given = Given(
            frame, header, output_kind(self), y, sample_weight, groups, offset, classes
        )
        return learn(parameters, given, earlier, same_rows=same_rows)

    def _checked_parameters(self) -> Parameters:
        check_training()
        self._validate_params()
        return Parameters(self).checked()

    def partial_fit(
        self,
        X: Any,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        offset: ArrayLike | str | None = None,
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
        sample_weight, groups, offset : array-like of shape (n_rows,), default=None
            As for :meth:`fit`.

        Returns
        -------
        self : EntityEmbeddingEncoder
            The fitted encoder.

        Raises
        ------
        ValueError
            If y holds a class that the first call did not know, and as :meth:`fit`.
        """
        had = self._learned if self._is_fitted else None
        self._learned, _ = self._learn(
            X, y, sample_weight, groups, offset, had, classes=classes, same_rows=False
        )
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

        The source is read once, and encoded rows stay in a temporary file. What is
        learned is what :meth:`fit` learns, up to chance: folds and batches are drawn
        otherwise, equal rows are not merged, crosses are chosen, and numbers scaled, by
        at most 500,000 rows, and a cross knows its 500,000 largest cells.

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
            ``pretrained``, ``early_stopping``, ``warm_start``, a ``cv`` that is neither
            an int nor None, or a loss of several columns, of none or of your own.
        """
        self._learn_stream("fit_stream", source, target, sample_weight, groups)
        return self

    def fit_transform_stream(
        self,
        source: Any,
        target: str,
        *,
        sample_weight: str | None = None,
        groups: str | None = None,
    ) -> Iterator[Any]:
        """Learn as :meth:`fit_stream`; return cross-fitted features of the same rows.

        Parameters
        ----------
        source : str, Path, pyarrow Dataset, list of frames, or callable
            As for :meth:`fit_stream`, but read twice: a callable must return the same
            rows again.
        target, sample_weight, groups : str
            As for :meth:`fit_stream`.

        Returns
        -------
        features : iterator of ndarray or DataFrame of shape (n_rows, n_columns_out)
            Of each batch, in their order, read and looked up as it is asked for.

        Raises
        ------
        ValueError
            As :meth:`fit_stream`; and at the end, if there are more rows or fewer.
        """
        name, columns = "fit_transform_stream", (target, sample_weight, groups)
        return self._learn_stream(name, source, *columns, twice=True)()

    def _learn_stream(
        self, name: str, source: Any, *columns: Any, twice: bool = False
    ) -> Callable[[], Iterator[Any]]:
        parameters = self._checked_parameters()
        parameters.check_streaming(name)
        self._learned, features = learn_stream(
            parameters, source, *columns, container=output_kind(self), twice=twice
        )
        return features

    def fit_transform(
        self,
        X: Any,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        offset: ArrayLike | str | None = None,
    ) -> Any:
        """Learn the vectors and return the cross-fitted features of the same rows.

        Each row gets the vectors that never saw its target: this is the method for
        training data, :meth:`transform` that for new data. Rows that no split holds
        out, such as the first of ``TimeSeriesSplit``, get the unknown vector, no
        support, and the mean of all rows as statistics and prediction.

        Parameters
        ----------
        X : frame or array-like of shape (n_rows, n_columns)
            Categorical and numeric columns.
        y : array-like of shape (n_rows,) or (n_rows, n_targets)
            As for :meth:`fit`.
        sample_weight, groups, offset : array-like of shape (n_rows,), default=None
            As for :meth:`fit`.

        Returns
        -------
        features : ndarray (float64) or DataFrame of shape (n_rows, n_columns_out)
            The columns that :meth:`get_feature_names_out` names.
        """
        learned, rows = self._learn(
            X, y, sample_weight, groups, offset, self._earlier_of_fit
        )
        # The rows of fold k read table k, which never saw their targets.
        kind, lookup, fold = output_kind(self), rows.lookup, rows.fold
        features = learned.features(
            X, rows.frame, rows.codes, kind, lookup=lookup, fold=fold
        )
        self._learned = learned
        return features

    def transform(self, X: Any) -> Any:
        """Return the features of new rows, by vectors that saw all training rows.

        Parameters
        ----------
        X : frame, Dask frame or array-like of shape (n_rows, n_columns)
            The columns of fit, of any number of rows.

        Returns
        -------
        features : ndarray (float64) or DataFrame of shape (n_rows, n_columns_out)
            The columns that :meth:`get_feature_names_out` names; lazy as X is.

        Raises
        ------
        CategoryError
            Where ``handle_unknown`` or ``handle_missing`` says so.
        """
        if not self._is_fitted:
            check_is_fitted(self)
        learned, container = self._learned, output_kind(self)
        if is_lazy(X):
            return transform_lazily(learned, X)
        features = learned.of_one_row(X, container)
        if features is not None:
            return features
        frame = check_frame(self, X)
        return learned.features(X, frame, learned.encode(frame), container)

    def inverse_transform(self, X: Any) -> pd.DataFrame:
        """Return the inputs whose features are nearest: categories by their vectors.

        Parameters
        ----------
        X : frame or array-like of shape (n_rows, n_columns_out)
            Features as :meth:`transform` gives them; vectors may be edited ones.

        Returns
        -------
        inputs : DataFrame of shape (n_rows, n_columns)
            The categorical columns, decoded (missing where a vector holds NaN), and
            those that passed through, in the order and the dtypes of fit, unless a
            dtype cannot hold what is missing.

        Raises
        ------
        ValueError
            If X has another number of columns.
        """
        check_is_fitted(self)
        return inputs_of(self._learned, X)

    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> NDArray[Any]:
        """Return the names of the output columns.

        Parameters
        ----------
        input_features : array-like of shape (n_columns,) or None, default=None
            The names of fit, or None.

        Returns
        -------
        names : ndarray of shape (n_columns_out,), object
            ``column_00``, ``column_01``, ..., ``column_statistic``,
            ``column_support`` for each categorical column, then ``a*b`` for each cross,
            ``prediction``, and the numeric columns.
        """
        check_is_fitted(self)
        input_names(self, input_features)
        return np.asarray(self._learned.outputs, dtype=object)

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
        tags.target_tags.required = Parameters(self).self_supervision is None
        tags.target_tags.multi_output = True
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        return tags

    def set_params(self, **params: Any) -> Self:
        """Set parameters, as every estimator of scikit-learn does.

        Parameters
        ----------
        **params : dict
            Parameters by name.

        Returns
        -------
        self : EntityEmbeddingEncoder
            With these parameters.

        Raises
        ------
        ValueError
            If there is no such parameter; those that resemble it are named.
        """
        known = type(self)._get_param_names()
        for name in params:
            if name not in known and "__" not in name:
                raise ValueError(stranger(self, name, known))
        super().set_params(**params)
        return self

    def save(self, path: "str | os.PathLike[str]", *, omit_code: bool = False) -> None:
        """Write the fitted encoder to one file without code.

        The file holds arrays (safetensors) and JSON, no pickle: loading executes
        nothing; :meth:`load` is the way back. It is written at once: readers find the
        old file or the new one. The net is left out; :meth:`partial_fit` does without.

        Parameters
        ----------
        path : path-like
            The file; one that is there is replaced.
        omit_code : bool, default=False
            Whether parameters that are code (a net, a loss, a function of yours) are
            left out. The loaded encoder transforms alike, has their defaults, and
            cannot be fitted further.

        Raises
        ------
        NotFittedError
            If the encoder is not fitted.
        NotSavableError
            If a parameter is code, or categories are of a type that a file cannot hold.
        """
        check_is_fitted(self)
        save_encoder(self, path, omit_code=omit_code)

    @classmethod
    def load(cls, path: "str | os.PathLike[str]") -> Self:
        """Return the encoder of a file of :meth:`save`.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        encoder : EntityEmbeddingEncoder
            Fitted; ``net_`` is None.

        Raises
        ------
        SavedFileError
            If the file is damaged, of something else, or of a later format.
        """
        return load_encoder(cls, path)

    def __getstate__(self) -> dict[str, Any]:
        """Return what skops stores: of what was learned, the bytes of a file."""
        state: dict[str, Any] = super().__getstate__()
        if "_learned" in state:
            state = {**state, "_learned": pack_learned(state["_learned"], {}, {})}
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        learned = state.get("_learned")
        if isinstance(learned, bytes):
            state = {**state, "_learned": unpack_learned(learned)}
        super().__setstate__(state)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # A pickle is for the same environment and keeps all, the net too.
        return copyreg.__newobj__, (type(self),), super().__getstate__()  # type: ignore[attr-defined]

    def __sklearn_is_fitted__(self) -> bool:
        return self._is_fitted

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """Return the parameters and, once fitted, what was learned."""
        shown = super().__repr__(N_CHAR_MAX=N_CHAR_MAX)
        learned = summary(self)
        return f"{shown}  # {learned}" if learned else str(shown)

    def _repr_html_inner(self) -> str:
        return with_summary(self, super()._repr_html_inner())

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle and "sk-entity-learned" not in bundle["text/html"]:
            bundle["text/html"] = with_summary(self, bundle["text/html"])
        return bundle

    embeddings_ = fitted(lambda learned: learned.tables)
    target_type_ = fitted(lambda learned: learned.objective.target_type)
    classes_ = fitted(lambda learned: learned.objective.classes)
    crosses_ = fitted(lambda learned: learned.crosses)
    choices_ = fitted(lambda learned: as_frame(learned.choices))
    feature_groups_ = fitted(lambda learned: learned.groups)
    history_ = fitted(lambda learned: learned.history)
    net_ = fitted(lambda learned: learned.net)
    n_features_in_ = fitted(lambda learned: learned.header.n_features_in_)
    feature_names_in_ = fitted(lambda learned: learned.header.feature_names)
