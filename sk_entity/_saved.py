"""What is learned <-> one file without code."""

import inspect
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from sk_entity import _target
from sk_entity._categories import (
    FrameCoder,
    Hashing,
    Subwords,
    TableCoder,
    TablePlan,
    Vocabulary,
)
from sk_entity._categories.consistency import check_coder
from sk_entity._categories.hashing import HashedVocabulary
from sk_entity._choices import Choice
from sk_entity._columns import ColumnType, Header, Kind, Schema
from sk_entity._features import (
    Extras,
    NumericScaler,
    Predictor,
    Scaling,
    feature_groups,
)
from sk_entity._features.consistency import (
    check_extras,
    check_objective,
    check_scaling,
)
from sk_entity._features.curves import TargetCurve
from sk_entity._features.statistics import TableStatistics, TargetStatistic
from sk_entity._files import (
    NotPlain,
    Packer,
    Unpacker,
    pack,
    read,
    require,
    unpack,
    write,
)
from sk_entity._learned import Learned
from sk_entity._pretrained import Pretrained
from sk_entity._table import EmbeddingTable, check_table
from sk_entity._target import losses
from sk_entity.exceptions import NotSavableError, SavedFileError

KIND = "encoder"
#: Where ``set_output`` is among the parameters.
_CONTAINER = "set_output"

#: What a file may hold, by the name that it has there. A class that is renamed keeps
#: its name here; a field that is changed raises `FORMAT`, and `_upgrade` adds it to
#: older files.
CLASSES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        Choice,
        ColumnType,
        EmbeddingTable,
        Extras,
        FrameCoder,
        HashedVocabulary,
        Hashing,
        Header,
        Kind,
        Learned,
        NumericScaler,
        Predictor,
        Pretrained,
        Scaling,
        Schema,
        Subwords,
        TableCoder,
        TablePlan,
        TableStatistics,
        TargetCurve,
        TargetStatistic,
        Vocabulary,
        _target.Goal,
        _target.Objective,
        _target.Units,
        losses.Huber,
        losses.LogLoss,
        losses.PerTarget,
        losses.Quantile,
        losses.SelfSupervised,
        losses.Tweedie,
    )
}


def save_encoder(
    encoder: Any, path: "str | os.PathLike[str]", *, omit_code: bool
) -> None:
    """Write what an encoder has learned, and its parameters, to a file.

    Parameters
    ----------
    encoder : EntityEmbeddingEncoder
        Fitted.
    path : path-like
    omit_code : bool
        Whether parameters that a file cannot hold are left out, at their defaults.

    Raises
    ------
    NotSavableError
        If something is code, or of a type that a file does not hold.
    """
    parameters = encoder.get_params(deep=False)
    given = inspect.signature(type(encoder).__init__).parameters.values()
    defaults = {each.name: each.default for each in given}
    container = dict(vars(encoder).get("_sklearn_output_config", {}))
    parameters |= {_CONTAINER: container}
    data = pack_learned(encoder._learned, parameters, defaults, omit_code=omit_code)
    write(path, data)


Encoder = TypeVar("Encoder")


def load_encoder(cls: type[Encoder], path: "str | os.PathLike[str]") -> Encoder:
    """Read what `save_encoder` wrote.

    Parameters
    ----------
    cls : type
        `EntityEmbeddingEncoder` or a subclass.
    path : path-like

    Raises
    ------
    SavedFileError
        If the file is damaged, of another kind, a later format or another class.
    """
    learned, parameters = load_learned(path)
    container = parameters.pop(_CONTAINER, {})
    known = inspect.signature(cls.__init__).parameters
    strange = sorted(set(parameters) - set(known))
    if strange:
        raise SavedFileError(
            f"{str(path)!r} cannot be loaded. It has parameters that {cls.__name__} "
            f"has not: {strange!r}."
        )
    encoder: Any = cls(**parameters)
    if container != {}:
        outputs = [{"transform": kind} for kind in ("default", "pandas", "polars")]
        if container not in outputs:
            raise SavedFileError(
                f"{str(path)!r} cannot be loaded. It asks for the output "
                f"{container!r:.80}."
            )
        encoder.set_output(**container)
    encoder._learned = learned
    found: Encoder = encoder
    return found


def load_learned(path: "str | os.PathLike[str]") -> tuple[Learned, dict[str, Any]]:
    """Read what `save_encoder` wrote: what is learned, and the parameters.

    Raises
    ------
    SavedFileError
        If the file is damaged, or of another kind or a later format.
    """
    document, arrays = read(path, KIND)
    try:
        return _unpacked(document, arrays)
    except SavedFileError as error:
        raise SavedFileError(f"{str(path)!r} cannot be loaded. {error}") from error


def pack_learned(
    learned: Learned,
    parameters: Mapping[str, Any],
    defaults: Mapping[str, Any],
    *,
    omit_code: bool = False,
) -> bytes:
    """Return the bytes of a file; see `save_encoder`."""
    packer, kept, omitted = Packer(CLASSES), {}, list(learned.omitted)
    for name, value in parameters.items():
        try:
            kept[name] = packer.pack(_plain_splitter(value))
        except NotPlain as error:
            if not omit_code:
                raise NotSavableError(
                    f"The parameter {name} cannot be saved: {error}. Pass a value "
                    "that is plain data, or save(path, omit_code=True): the loaded "
                    "encoder then transforms alike, has the parameter's default, and "
                    "cannot be fitted further."
                ) from error
            omitted.append(name)
            kept[name] = packer.pack(defaults[name])
    try:
        state = packer.pack(learned)
    except NotPlain as error:
        raise NotSavableError(
            f"What was learned cannot be saved: {error}. Fit columns of text, "
            "numbers, booleans, decimals, bytes, or of these mixed: make others text "
            "with astype(str)."
        ) from error
    document = {"learned": state, "parameters": kept, "omitted": omitted}
    return pack(KIND, document, packer.arrays)


def unpack_learned(data: bytes) -> Learned:
    """Return what is learned from the bytes of a file."""
    return _unpacked(*unpack(data, KIND))[0]


def _unpacked(document: Any, arrays: Any) -> tuple[Learned, dict[str, Any]]:
    unpacker = Unpacker(CLASSES, arrays)
    for part in ("learned", "parameters", "omitted"):
        require(part in document, f"no {part}")
    first = document["format"] == 1
    if first:
        _upgrade(document["learned"])
    learned = unpacker.unpack(document["learned"], Learned)
    if first:
        whole = [vectors.shape[-1] for vectors in learned.vectors]
        learned = replace(learned, shown=whole)
    omitted = tuple(unpacker.unpack(document["omitted"], list[str]))
    given = document["parameters"]
    require(isinstance(given, dict), "parameters that are none")
    parameters = {
        name: _splitter(unpacker.unpack(value)) for name, value in given.items()
    }
    check_learned(learned)
    _check_pretrained(parameters.get("pretrained"))
    return replace(learned, omitted=omitted), parameters


def _upgrade(learned: Any) -> None:
    """Add what format 1 did not hold: all coordinates were output, nothing was told."""
    require(isinstance(learned, dict), "nothing that was learned")
    named = learned.get("$class")
    known = isinstance(named, list) and len(named) == 2 and isinstance(named[1], dict)
    require(known, "nothing that was learned")
    named[1].update(shown=[], choices=[])


def _check_pretrained(pretrained: Any) -> None:
    for given in pretrained.values() if isinstance(pretrained, dict) else ():
        vectors = given.vectors if isinstance(given, Pretrained) else given
        if isinstance(vectors, EmbeddingTable):
            check_table(vectors)


def check_learned(learned: Learned) -> None:
    """Raise a `SavedFileError` if what is learned contradicts itself."""
    header, coder, objective = learned.header, learned.coder, learned.objective
    n_columns, names = header.n_features_in_, header.feature_names_in_
    require(n_columns >= 1, "an input without columns")
    require(len(coder.schema.labels) == n_columns, "columns and their names")
    if names is not None:
        named = len(names) == n_columns and all(type(x) is str for x in names)
        require(names.ndim == 1 and named, "columns and their names")
    check_coder(coder, n_columns)
    check_objective(objective)
    n_codes, n_numeric = coder.n_codes, len(coder.schema.numeric)
    for part in (learned.vectors, learned.counts, learned.spreads):
        require(len(part) == len(n_codes), "tables and vocabularies")
    for n, vectors, counts, spread in zip(
        n_codes, learned.vectors, learned.counts, learned.spreads, strict=True
    ):
        require(vectors.ndim == 2 and len(vectors) == n, "vectors and codes")
        require(vectors.shape[1] >= 1, "vectors without coordinates")
        require(counts.shape == (n,), "counts and codes")
        require(spread is None or spread.shape == (n,), "spreads and codes")
    require(len(learned.shown) == len(n_codes), "tables and their output")
    for shown, vectors in zip(learned.shown, learned.vectors, strict=True):
        require(0 <= shown <= vectors.shape[1], "coordinates that are output")
    if learned.scaling is not None:
        check_scaling(learned.scaling, objective, n_numeric)
    of_columns = [
        (learned.vectors[t].shape[1], _whole_codes(coder.coders[t]))
        for t in coder.table_of
    ]
    check_extras(learned.extras, objective, n_codes, of_columns, n_numeric)
    _check_outputs(learned)


def _whole_codes(coder: TableCoder) -> int:
    """Return the number of codes of whole cells, as crosses see them."""
    return 1 if coder.plan.multivalued else coder.vocabulary.n_codes


def _check_outputs(learned: Learned) -> None:
    """Compare the names of output columns with what there is to be named."""
    singles, objective = learned.extras.singles, learned.objective
    predictor, tables = learned.extras.predictor, learned.coder.table_of
    require(len(set(learned.categorical)) == len(tables), "columns of one name")
    expected = feature_groups(
        {
            name: learned.shown[t]
            for name, t in zip(learned.categorical, tables, strict=True)
        },
        learned.crosses,
        statistic_labels=objective.statistic_labels,
        prediction_labels=objective.prediction_labels,
        add_statistics=bool(singles and singles[0].statistic),
        add_support=bool(singles and singles[0].support),
        add_prediction=predictor is not None,
        passed=[learned.names[i] for i in learned.passed],
    )
    if predictor is not None:
        outputs = predictor.objective.n_outputs
        require(outputs == objective.n_outputs, "prediction and targets")
    sizes = [len(group) for group in learned.groups.values()]
    require(sizes == [len(group) for group in expected.values()], "names of outputs")
    require(len(set(learned.outputs)) == len(learned.outputs), "names of outputs")


#: scikit-learn's splitters whose parameters are plain.
_SPLITTERS = (
    "GroupKFold",
    "KFold",
    "StratifiedGroupKFold",
    "StratifiedKFold",
    "TimeSeriesSplit",
)
_SPLITTER = "sklearn.model_selection."


def _plain_splitter(value: Any) -> Any:
    """Return a splitter as its name and its parameters; all else as it is."""
    cls = type(value)
    if not cls.__module__.startswith("sklearn.model_selection"):
        return value
    if cls.__name__ not in _SPLITTERS:
        return value
    names = [*inspect.signature(cls).parameters]
    return {_SPLITTER + cls.__name__: {name: getattr(value, name) for name in names}}


def _splitter(value: Any) -> Any:
    """Return a splitter from its name and its parameters; all else as it is."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((name, given),) = value.items()
    if not isinstance(name, str) or not name.startswith(_SPLITTER):
        return value
    name = name.removeprefix(_SPLITTER)
    plain = isinstance(given, dict) and all(
        isinstance(x, (int, bool, np.ndarray)) or x is None for x in given.values()
    )
    require(name in _SPLITTERS and plain, "a splitter that is none")
    from sklearn import model_selection

    try:
        return getattr(model_selection, name)(**given)
    except (TypeError, ValueError) as error:
        raise SavedFileError(f"It holds a wrong {name}: {error}.") from error
