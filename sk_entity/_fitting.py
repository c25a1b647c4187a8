"""Frame and target -> all that the encoder keeps."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sk_entity._categories import (
    Codes,
    FrameCoder,
    Layout,
    Report,
    by_column,
    multivalued_columns,
    plan_tables,
)
from sk_entity._columns import exact_floats, read_schema
from sk_entity._crosses import named_crosses
from sk_entity._extras import Extras, learn_extras
from sk_entity._lookup import look_up
from sk_entity._naming import feature_groups
from sk_entity._objective import (
    Objective,
    hidden_cells,
    hidden_objective,
    objective_of,
    read_objective,
    wants_numbers,
)
from sk_entity._parameters import Parameters
from sk_entity._pretrained import GivenVectors, read_pretrained
from sk_entity._statistics import Evidence
from sk_entity._streaming import MOST_CELLS, SAMPLE_ROWS, StreamReader
from sk_entity._table import EmbeddingTable
from sk_entity._updating import blended, padded, priors_only
from sk_entity._validation import (
    check_folds,
    check_frame,
    check_groups,
    check_offset,
    check_output,
    check_weights,
    fresh_seed,
    input_names,
)
from sk_entity._warnings import warn
from sk_entity.exceptions import (
    ColumnError,
    ColumnTypeWarning,
    NoCategoricalColumnsWarning,
    UnknownCategoriesWarning,
)

if TYPE_CHECKING:
    from sk_entity._learning.rows import Rows
    from sk_entity._learning.start import Scaling, Start
    from sk_entity._learning.trainer import Settings, Trained


class Fitting(Parameters):
    """Fits the encoder: at once, further, or from a stream."""

    # What fit sets beside the attributes of the docstring.
    _coder: FrameCoder
    _vectors: list[NDArray[np.float32]]
    _counts: list[NDArray[np.float64]]
    _extras: Extras
    _objective: Objective
    _scaling: "Scaling"
    _weight: float
    _n_rows: int
    history_: pd.DataFrame
    target_type_: Any
    classes_: Any
    net_: Any

    def _become(self, attempt: "Fitting") -> None:
        """Take over all that a finished attempt holds, in one assignment."""
        self.__dict__ = dict(vars(attempt))

    def _learn(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        groups: Any,
        offset: Any,
        *,
        classes: Any = None,
        kept: str,
    ) -> tuple[
        pd.DataFrame, Codes, NDArray[np.int32], list[NDArray[np.float32]], Extras
    ]:
        """Fit; return the frame, its codes and folds, and tables and extras by fold.

        ``kept`` of an earlier fit: "nothing"; "space", the decoder and what makes
        vectors mean what they meant; or "vectors", all of it.

        On an attempt, a copy of the encoder: what it sets, nobody sees until `_become`.
        So a fit is a transaction: whatever interrupts it, the encoder is as it was.
        """
        # Here, not at the top: ``import sk_entity`` and ``transform`` need no torch.
        from sk_entity._learning.rows import Rows
        from sk_entity._learning.trainer import train

        self._validate_params()
        self._check_net()
        self._check_self_supervised()
        fresh = kept == "nothing"
        frame = check_frame(self, X, reset=fresh)
        weight = check_weights(sample_weight, frame)
        seed = fresh_seed(self.random_state)
        coder = self._read_categories(frame, weight, seed, fresh)
        given = read_pretrained(self.pretrained, self._names(coder), coder)
        if fresh:
            coder = with_given(coder, given, self.embedding_dim)
        codes, _ = coder.encode(frame)
        numbers = codes.known().numbers
        groups, group = check_groups(groups, frame)
        fold, n_folds = np.zeros(len(frame), dtype=np.int32), 0
        if self._self_supervision is not None:
            earlier = None if fresh else self._objective
            objective, values = self._hidden_cells(
                coder, numbers, weight, earlier, offset
            )
        else:
            objective, target, values = read_objective(
                y,
                len(frame),
                self.loss,
                offset=check_offset(offset, frame),
                earlier=None if fresh else self._objective,
                classes=classes,
            )
            fold, n_folds = check_folds(self.cv, target, groups=groups, seed=seed)
        self._set_objective(objective)
        self._n_rows = len(frame) + (self._n_rows if kept == "vectors" else 0)
        rows = Rows(numbers, self._numeric(frame, coder), values, weight, fold)
        if not coder.coders:
            self._keep_nothing(coder)
            return frame, codes, fold, [], self._extras
        if fresh:
            balance = objective.balance(values, weight)
            dims = self._dims(coder, balance, given, numbers, group)
        else:
            dims = [vectors.shape[1] for vectors in self._vectors]
        layout = layout_of(coder, dims, codes)
        self._check_names(coder, layout, n_folds)
        crosses = self._named_crosses(coder) if fresh else None
        start = self._start(coder, layout, given, kept, float(weight.sum()))
        trained = train(
            rows,
            layout=layout,
            n_folds=n_folds,
            objective=objective,
            settings=self._settings(n_folds, coder),
            start=start,
            seed=seed,
        )
        evidence = self._evidence(coder, rows, codes, layout, n_folds, group)
        extras = self._learn_extras(rows, evidence, trained, crosses)
        self._keep(coder, trained, extras, kept, float(weight.sum()))
        return frame, codes, fold, trained.tables, extras

    def _set_objective(self, objective: Objective) -> None:
        self._objective = objective
        self.target_type_, self.classes_ = objective.target_type, objective.classes

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
        spreads = [spread(table) for table in trained.tables]
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
        self._store(vectors, counts, final, spreads)

    def _keep_nothing(self, coder: FrameCoder) -> None:
        """Store a fit without categorical columns: numbers pass through."""
        self._warn_no_categories(input_names(self))
        self._coder, self.net_, self.history_ = coder, None, pd.DataFrame()
        self._store([], [], Extras([], [], None), [])

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

    def _read_categories(
        self,
        frame: pd.DataFrame,
        weight: NDArray[np.float64],
        seed: int,
        fresh: bool,
    ) -> FrameCoder:
        if fresh:
            return self._build_coder(frame, weight, seed, **self._limits)
        self._coder.schema.check_further(frame)
        return self._coder.extend(frame, weight, **self._limits)

    def _build_coder(
        self,
        frame: pd.DataFrame,
        weight: NDArray[np.float64],
        seed: int,
        **limits: Any,
    ) -> FrameCoder:
        multivalued = multivalued_columns(self.multivalued)
        schema = read_schema(frame, self.categorical_features, multivalued)
        check_output(self, schema)
        names = input_names(self)
        plans = plan_tables(
            [names[i] for i in schema.categorical],
            shared_embeddings=self.shared_embeddings,
            multivalued=self.multivalued,
            hash_buckets=self.hash_buckets,
            subwords=self.subwords,
        )
        return FrameCoder.build(
            frame,
            weight,
            schema,
            plans,
            handle_unknown=self.handle_unknown,
            handle_missing=self.handle_missing,
            seed=seed,
            **limits,
        )

    def _names(self, coder: FrameCoder) -> list[str]:
        """Names of the categorical columns."""
        names = input_names(self)
        return [names[i] for i in coder.schema.categorical]

    def _named_crosses(self, coder: FrameCoder) -> list[tuple[int, int]]:
        multivalued = multivalued_columns(self.multivalued)
        return named_crosses(self.crosses, self._names(coder), multivalued)

    def _dims(
        self,
        coder: FrameCoder,
        balance: float,
        given: dict[int, GivenVectors],
        numbers: NDArray[np.int32] | None = None,
        group: NDArray[np.intp] | None = None,
    ) -> list[int]:
        """Return the dimension of each table.

        The balance of the target and the rows' groups say what rows are worth.
        """
        from sk_entity._learning.sizes import (
            embedding_dims,
            independent_shares,
            typical_count,
        )

        names, shares = self._names(coder), np.ones(len(coder.coders))
        if group is not None and numbers is not None:
            of_column = independent_shares(numbers, group)
            n_columns = np.bincount(coder.table_of)
            shares = np.bincount(coder.table_of, of_column) / n_columns
        dims = embedding_dims(
            self.embedding_dim,
            [[names[j] for j in part.plan.columns] for part in coder.coders],
            # The unknown code is no category.
            [part.vocabulary.n_codes - 1 for part in coder.coders],
            [
                typical_count(part.vocabulary.code_counts[1:]) * share * balance
                for part, share in zip(coder.coders, shares, strict=True)
            ],
        )
        for t, source in given.items():
            dims[t] = source.dim
        return dims

    def _store(
        self,
        vectors: list[NDArray[np.float32]],
        counts: list[NDArray[np.float64]],
        extras: Extras,
        spreads: list[NDArray[np.float64] | None],
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
                spreads[t],
            )
            for name, t in zip(names, self._coder.table_of, strict=True)
        }
        self.crosses_ = [
            (names[a], names[b]) for a, b in (c.columns for c in extras.crosses)
        ]
        dims = {name: table.dim for name, table in self.embeddings_.items()}
        self.feature_groups_ = self._name_outputs(
            self._coder, dims, self._objective, extras.predictor is not None
        )

    def _check_names(self, coder: FrameCoder, layout: Layout, n_folds: int) -> None:
        """Raise a `ColumnError` if output columns would share names, before training.

        Crosses are not known yet; they give way to others.
        """
        dims = dict(zip(self._names(coder), layout.column_dims, strict=True))
        adds_prediction = self._adds_prediction(n_folds)
        self._name_outputs(coder, dims, self._objective, adds_prediction, [])

    def _name_outputs(
        self,
        coder: FrameCoder,
        dims: dict[str, int],
        objective: Objective,
        add_prediction: bool,
        crosses: Sequence[tuple[str, str]] | None = None,
    ) -> dict[str, list[str]]:
        """Return the names of the output columns; raise if they clash.

        ``crosses`` None: those that were learned.
        """
        schema, inputs = coder.schema, input_names(self)
        passes = self.remainder == "passthrough"
        passed = (*schema.numeric, *schema.others) if passes else ()
        return feature_groups(
            dims,
            self.crosses_ if crosses is None else crosses,
            statistic_labels=objective.statistic_labels,
            prediction_labels=objective.prediction_labels,
            add_statistics=self.add_statistics,
            add_support=self.add_support,
            add_prediction=add_prediction,
            passed=[inputs[i] for i in passed],
        )

    def _settings(self, n_folds: int, coder: FrameCoder) -> "Settings":
        from sk_entity._learning.trainer import Settings

        hiding = self._self_supervision
        return Settings(
            net=self.net,
            loss=self.loss,
            masked=hiding.masked if hiding else self.embedding_dropout,
            asks_for=single_valued(coder) if hiding else (),
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

    def _hidden_cells(
        self,
        coder: FrameCoder,
        numbers: NDArray[np.int32],
        weight: NDArray[np.float64],
        earlier: Objective | None,
        offset: Any,
    ) -> tuple[Objective, NDArray[np.float64]]:
        """Return the cells to be told when they are hidden, as a target."""
        hiding = self._self_supervision
        assert hiding is not None
        if offset is not None:
            raise ValueError(
                f"offset cannot be used with loss={self.loss!r}, which has no target."
            )
        columns = single_valued(coder)
        if coder.coders and not columns:
            raise ValueError(
                f"loss={self.loss!r} hides cells that hold one value, but all "
                "categorical columns are multivalued: pass a target, or add a column."
            )
        if earlier is not None:
            return earlier, hidden_cells(numbers[:, columns], earlier)
        names = self._names(coder)
        objective = hidden_objective(
            numbers[:, columns],
            weight,
            [names[j] for j in columns],
            hiding.max_classes,
        )
        return objective, hidden_cells(numbers[:, columns], objective)

    def _evidence(
        self,
        coder: FrameCoder,
        rows: "Rows",
        codes: Codes,
        layout: Layout,
        n_folds: int,
        group: NDArray[np.intp] | None = None,
    ) -> Evidence:
        coders = [coder.coders[t] for t in layout.table_of]
        target, shares = np.empty((len(rows), 0)), None
        if self._self_supervision is None:
            target, shares = self._objective.statistics(rows.target)
        return Evidence(
            layout=layout,
            numbers=rows.codes,
            codes=codes.known().whole(),
            n_codes=[
                1 if part.plan.multivalued else part.vocabulary.n_codes
                for part in coders
            ],
            target=target,
            weight=rows.weight,
            fold=rows.fold,
            n_folds=n_folds,
            shares=shares,
            group=group,
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

    def _numeric(self, frame: pd.DataFrame, coder: FrameCoder) -> NDArray[np.float64]:
        """Return the numeric columns as floats, NaN where missing."""
        names = input_names(self)
        columns = coder.schema.numeric
        numeric = np.empty((len(frame), len(columns)))
        for j, i in enumerate(columns):
            numeric[:, j] = exact_floats(names[i], frame.iloc[:, i])
        return numeric

    def _warn_no_categories(self, names: list[str]) -> None:
        shown = names[:10] + (["..."] if len(names) > 10 else [])
        warn(
            f"No categorical column found among {shown} by categorical_features="
            f"{self.categorical_features!r}: the numeric columns pass through and "
            "nothing is learned. Pass the names of the columns to embed, or 'all' for "
            "every column.",
            NoCategoricalColumnsWarning,
        )

    def _fit_stream(
        self, source: Any, target: str, sample_weight: str | None, groups: str | None
    ) -> None:
        """Fit from a stream: a transaction, as `_learn`."""
        attempt = copy.copy(self)
        attempt._learn_stream(source, target, sample_weight, groups)
        self._become(attempt)

    def _learn_stream(
        self, source: Any, target: str, sample_weight: str | None, groups: str | None
    ) -> None:
        from sk_entity._learning.rows import Rows
        from sk_entity._learning.trainer import train_spooled

        self._validate_params()
        self._check_net()
        self._check_streaming()
        seed, n_folds = fresh_seed(self.random_state), self.cv or 0
        reader = StreamReader(
            target,
            sample_weight,
            groups,
            n_folds,
            seed,
            numbers=wants_numbers(self.loss),
        )
        with reader:
            self._read(source, reader, seed)
            coder = self._coder
            codes = Codes(np.empty((0, 0), np.int32), (None,) * len(coder.table_of))
            sample = Rows.of(reader.spool.sample(SAMPLE_ROWS))
            balance = self._objective.balance(sample.target, sample.weight)
            layout = layout_of(coder, self._dims(coder, balance, {}), codes)
            self._check_names(coder, layout, n_folds)
            trained = train_spooled(
                reader.spool,
                [part.vocabulary.code_counts for part in coder.coders],
                layout=layout,
                n_folds=n_folds,
                objective=self._objective,
                settings=self._settings(n_folds, coder),
                seed=seed,
            )
            extras = self._stream_extras(reader.spool, layout, n_folds, trained)
        self._keep(coder, trained, extras, "nothing", reader.weight)

    def _read(self, source: Any, reader: "StreamReader", seed: int) -> None:
        """Encode all batches into the reader's spool; set the coder and the target."""
        coder: FrameCoder | None = None
        with reader.naming():
            for X, weights in reader.batches(source):
                frame = check_frame(self, X, reset=coder is None)
                weight = check_weights(weights, frame, some=False)
                coder = self._with_batch(coder, frame, weight, reader, seed)
                codes = coder.encode(frame)[0].known().numbers
                reader.write(codes, self._numeric(frame, coder), weight)
        if coder is None:
            raise ValueError("fit_stream got no rows: the source is empty.")
        if not reader.weight > 0:
            raise ValueError(
                "Sample weights are all zero: the sum of sample_weight must be "
                "positive, for there is no row left to learn from."
            )
        self._coder, numbers = coder.numbered(**self._limits)
        self._set_objective(objective_of(*reader.finish(numbers), self.loss))
        self._n_rows = len(reader.spool)

    def _with_batch(
        self,
        coder: FrameCoder | None,
        frame: pd.DataFrame,
        weight: NDArray[np.float64],
        reader: "StreamReader",
        seed: int,
    ) -> FrameCoder:
        """Return the coder with a batch's values; the first batch opens the spool."""
        if coder is not None:
            coder.schema.check_further(frame)
            return coder.extend(frame, weight)
        coder = self._build_coder(frame, weight, seed)
        schema = coder.schema
        if not schema.categorical:
            raise ColumnError(
                "fit_stream found no categorical column by categorical_features"
                f"={self.categorical_features!r}: there is nothing to learn."
            )
        reader.open(len(schema.categorical), len(schema.numeric))
        return coder

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
            rows, evidence, trained, self._named_crosses(self._coder)
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
            extras = extras.trimmed(MOST_CELLS)
        assert extras is not None
        return extras


def tell(report: Report, handle_unknown: str) -> None:
    """Warn of what is odd about the cells of a frame: once a call for each kind."""
    if report.notes:
        warn(
            f"Cells are unknown for their type: {'; '.join(map(str, report.notes))}. "
            "Read the columns in the types of fit, or fit a new encoder.",
            ColumnTypeWarning,
        )
    asked = report.unknown if handle_unknown == "warn" else report.only_unknown
    if asked:
        shown = "; ".join(map(report.describe, asked))
        warn(
            "Columns hold values that training did not show, and "
            f"{'only' if handle_unknown != 'warn' else 'in all'} these: {shown}. They "
            "get the vector of unknown values. Check that the column is encoded as in "
            "training.",
            UnknownCategoriesWarning,
        )


def layout_of(coder: FrameCoder, dims: list[int], codes: Codes) -> Layout:
    """Return the tables of these dimensions, and how the columns' cells read them."""
    n_codes = [part.n_codes for part in coder.coders]
    return Layout(n_codes, dims, coder.table_of, list(codes.bags))


def single_valued(coder: FrameCoder) -> tuple[int, ...]:
    """Return the categorical columns whose cells hold one value."""
    tables = enumerate(coder.table_of)
    return tuple(j for j, t in tables if not coder.coders[t].plan.multivalued)


def spread(tables: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """Return how far the folds' vectors are from those of all rows; None: no folds."""
    if len(tables) == 1:
        return None
    distance = np.linalg.norm(tables[:-1].astype(np.float64) - tables[-1], axis=2)
    return np.asarray(np.sqrt(np.mean(distance**2, axis=0)))


def with_given(
    coder: FrameCoder, given: dict[int, GivenVectors], embedding_dim: Any
) -> FrameCoder:
    """Return the coder with the values that given vectors know."""
    for t, source in given.items():
        source.check_dim(embedding_dim)
        coder = coder.with_vocabulary(t, source.join(coder.coders[t].vocabulary))
    return coder
