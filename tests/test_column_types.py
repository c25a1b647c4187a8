"""Other types than in fit, parts, targets, files: docs/what_a_column_is.md by line."""

import datetime
from decimal import Decimal as D

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from frames import VALUES, containers

from sk_entity import EntityEmbeddingEncoder, Pretrained
from sk_entity.exceptions import (
    ColumnError,
    ColumnTypeWarning,
    RoundedIdentifiersWarning,
    TargetTypeWarning,
    UnknownCategoriesWarning,
)

FAST = {
    "max_epochs": 1,
    "cv": None,
    "random_state": 0,
    "crosses": None,
    "add_support": False,
    "add_prediction": False,
}


def fit(values, **params):
    """Return an encoder of one column whose vectors differ, and its table."""
    X = pd.DataFrame({"c": values})
    # All coordinates of a given dimension are output.
    params = FAST | {"embedding_dim": 2} | params
    encoder = EntityEmbeddingEncoder(["c"], **params)
    encoder.fit(X, np.arange(len(X)) + 0.5)
    table = encoder.embeddings_["c"]
    table.vectors[:] = np.arange(table.vectors.size).reshape(table.vectors.shape) + 1
    return encoder, table


BIG = 2**60
# What fit sees, what comes, and which value's vector each cell gets; "?" is unknown.
SAME = {
    "int32": ([1, 2, 3], pd.array([3, 1], "int32"), [3, 1]),
    "uint8": ([1, 2, 3], pd.array([3, 9], "uint8"), [3, "?"]),
    "int64 exact": (
        [BIG, BIG + 1],
        pd.array([BIG + 1, BIG + 2], "Int64"),
        [BIG + 1, "?"],
    ),
    "whole floats": ([1, 2, 3], [2.0, np.nan, 2.5], [2, "?", "?"]),
    "bool for 0 and 1": ([0, 1, 2], [True, False], [1, 0]),
    "0 and 1 for bool": ([True, False], [0, 1], [False, True]),
    "digits for ints": ([1, 2, 3], ["2", "3"], [2, 3]),
    "ints for digits": (["1", "2", "A"], [1, 2], ["1", "2"]),
    "levels for digits": (["1", "2", "A"], pd.Categorical([2, 1]), ["2", "1"]),
    "floats for digits": (["1", "2", "A"], [1.0, np.nan], ["1", "?"]),
    "ints for floats": ([1.0, 2.5, 3.0], [3, 1], [3.0, 1.0]),
    "floats are exact": ([2.0**60, 1.5], pd.array([BIG, BIG + 1]), [2.0**60, "?"]),
    "float32": (np.float32([0.1, 0.2]), [0.2, 0.1], [0.2, 0.1]),
    "widened": (np.float32([0.1, 0.2]), np.float32([0.1]).astype(float), [0.1]),
    "narrowed": ([0.1, 0.2], np.float32([0.1]), [0.1]),
    "decimals for ints": ([1, 2], [D("2.00"), D("2.5")], [2, "?"]),
    "ints for decimals": ([D("1.5"), D("2")], [2, 3], [D(2), "?"]),
    "floats for decimals": ([D("1.10"), D("2")], [1.1, 2.0], [D("1.1"), D(2)]),
    "decimals for floats": ([1.1, 2.0], [D("1.10"), D("1.11")], [1.1, "?"]),
    "mixed": (
        [1, "a", 2.5],
        pd.Series([1.0, 2.5, "a", "1"], dtype=object),
        [1, 2.5, "a", "?"],
    ),
    "beyond 64 bits": (
        [2**70, 1],
        pd.Series([2**70, 2**70 + 1], dtype=object),
        [2**70, "?"],
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_what_loses_nothing_is_converted(case):
    known, batch, wanted = SAME[case]
    encoder, table = fit(
        list(known) * 4 if not isinstance(known, np.ndarray) else np.tile(known, 4)
    )
    got = encoder.transform(pd.DataFrame({"c": batch})).astype("f4")
    want = [table.unknown if w == "?" else table.look_up([w])[0] for w in wanted]
    assert all(w == "?" or w in table for w in wanted)
    np.testing.assert_array_equal(got, want)


# What fit sees, and what comes: nothing of it has a counterpart.
LOST = {
    "padded digits": ([7, 8], ["007", "08"], "'007'"),
    "fractions as text": ([7, 8], ["7.0", "8.0"], "'7.0'"),
    "ints for padded digits": (["01", "1"], [1, 1], "1"),
    "words": ([7, 8], ["seven", "eight"], "'seven'"),
    "bools for text": (["a", "b"], [True, False], "True"),
    "bytes for text": (["a", "b"], [b"a", b"b"], "b'a'"),
    "text for bools": ([True, False], ["True", "False"], "'True'"),
}


@pytest.mark.parametrize("case", LOST)
def test_the_rest_is_unknown_with_a_word(case):
    known, batch, example = LOST[case]
    encoder, table = fit(known * 4)
    with (
        pytest.warns(ColumnTypeWarning, match=f"'c' was of type .*{example}"),
        pytest.warns(UnknownCategoriesWarning, match="'c'"),
    ):
        got = encoder.transform(pd.DataFrame({"c": batch})).astype("f4")
    np.testing.assert_array_equal(got, np.stack([table.unknown] * 2))
    with pytest.raises(ColumnError, match=r"'c' was of type .* so far"):
        encoder.partial_fit(pd.DataFrame({"c": batch}), [0.5, 1.5])


@pytest.mark.parametrize("known", [[BIG, BIG + 1], [2**53 + 1, 4]])
def test_a_float_that_stands_for_several_integers_is_refused(known):
    encoder, table = fit(known * 4)
    batch = pd.DataFrame({"c": [float(known[0]), np.nan]})
    with pytest.raises(ColumnError, match="'c' was of whole numbers"):
        encoder.transform(batch)
    other = encoder.transform(pd.DataFrame({"c": [2.0**61]}))
    np.testing.assert_array_equal(other[0].astype("f4"), table.unknown)


def test_identifiers_that_are_rounded_already_are_told_about():
    with pytest.warns(RoundedIdentifiersWarning, match="'c'"):
        fit([float(BIG), np.nan, 3.0] * 4)


def test_unknown_cells_are_told_about_when_asked_or_when_there_is_nothing_else():
    encoder, _ = fit(["a", "b"] * 4)
    encoder.transform(pd.DataFrame({"c": ["new"]}))
    encoder.transform(pd.DataFrame({"c": ["new", "a"]}))
    with pytest.warns(UnknownCategoriesWarning, match=r"'c' \(2 of 3: 'new', 'x'\)"):
        encoder.transform(pd.DataFrame({"c": ["new", None, "x"]}))
    encoder, _ = fit(["a", "b"] * 4, handle_unknown="warn")
    with pytest.warns(UnknownCategoriesWarning, match=r"'c' \(1 of 2: 'new'\)"):
        encoder.transform(pd.DataFrame({"c": ["new", "a"]}))


# --- parts --------------------------------------------------------------------------

CATEGORIES = ("text", "binary", "mixed")


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("kind", VALUES)
def test_the_part_of_a_column_is_that_of_its_type(kind, holes):
    values = (VALUES[kind] * 20)[:20] + [None] * holes
    y = np.arange(len(values)) + 0.5
    for name, X in containers(kind, values).items():
        if "c" not in getattr(X, "columns", getattr(X, "column_names", ())):
            continue
        big = kind.endswith("64") and kind != "float64"
        chosen = kind in CATEGORIES or "categor" in name or "dictionary" in name
        if big and not chosen:
            with pytest.raises(ColumnError, match="'c' holds integers beyond"):
                EntityEmbeddingEncoder(**FAST).fit(X, y)
            continue
        if not chosen:  # else there would be nothing to learn
            X = beside(X, len(values))
        encoder = EntityEmbeddingEncoder(**FAST).fit(X, y)
        assert ("c" in encoder.embeddings_) == chosen, name
        if not chosen:
            numbers = [np.nan if v is None else float(v) for v in values]
            got = encoder.transform(X)[:, -1]
            np.testing.assert_array_equal(
                got,
                np.float32(numbers)
                if kind == "float32"
                and name
                in ("numpy", "nullable", "polars", "arrow table", "arrow dtype")
                else numbers,
            )


def beside(X, n):
    text = ["u", "v"] * n
    if isinstance(X, pl.DataFrame):
        return X.with_columns(t=pl.Series(text[:n])).select("t", "c")
    if isinstance(X, pa.Table):
        return pa.table({"t": text[:n], "c": X.column("c")})
    return X.assign(t=text[:n])[["t", "c"]]


DAY, MOMENT = datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1)
DATES = {
    "datetime64": pd.DataFrame({"d": pd.to_datetime([DAY] * 9)}),
    "objects": pd.DataFrame({"d": pd.Series([DAY] * 9, dtype=object)}),
    "times": pd.DataFrame({"d": pd.Series([datetime.time(1)] * 9, dtype=object)}),
    "timedelta": pd.DataFrame({"d": pd.to_timedelta([1] * 9)}),
    "period": pd.DataFrame({"d": pd.period_range("2020", periods=9)}),
    "category": pd.DataFrame({"d": pd.Categorical([DAY] * 9)}),
    "arrow dtype": pd.DataFrame({"d": pd.Series([DAY] * 9, dtype="date32[pyarrow]")}),
    "arrow": pa.table({"d": [DAY] * 9}),
    "arrow duration": pa.table({"d": pa.array([1] * 9, pa.duration("s"))}),
    "polars": pl.DataFrame({"d": [DAY] * 9}),
    "polars moment": pl.DataFrame({"d": [MOMENT] * 9}),
}


@pytest.mark.parametrize("choice", ["from_dtype", "all", ["d"]])
@pytest.mark.parametrize("name", DATES)
def test_dates_are_refused_whatever_holds_them(name, choice):
    with pytest.raises(ColumnError, match=r"'d'.*(Dates|durations)"):
        EntityEmbeddingEncoder(choice, **FAST).fit(DATES[name], np.arange(9.0))


def test_what_is_not_chosen_passes_through_frames():
    X = pd.DataFrame(
        {"c": ["a", "b"] * 9, "t": ["x", None] * 9, "d": pd.to_datetime([DAY] * 18)}
    )
    y = np.arange(18.0)
    frame = EntityEmbeddingEncoder(["c"], **FAST).set_output(transform="pandas")
    out = frame.fit_transform(X, y)
    pd.testing.assert_frame_equal(out[["t", "d"]], X[["t", "d"]])
    polars = EntityEmbeddingEncoder(["c"], **FAST).set_output(transform="polars")
    assert polars.fit_transform(pl.from_pandas(X), y)["t"].to_list() == ["x", None] * 9
    with pytest.raises(ColumnError, match=r"\['t', 'd'\] are not numeric"):
        EntityEmbeddingEncoder(["c"], **FAST).fit(X, y)
    dropped = EntityEmbeddingEncoder(["c"], remainder="drop", **FAST)
    assert dropped.fit_transform(X, y).shape == (18, 1)


def test_polars_output_keeps_dtypes():
    X = pl.DataFrame(
        {
            "c": ["a", "b"] * 9,
            "n": pl.Series([1, None] * 9, dtype=pl.Int8),
            "f": pl.Series([1.5, 2.5] * 9, dtype=pl.Float32),
            "flag": [True, None] * 9,
            "price": pl.Series([D("1.5")] * 18, dtype=pl.Decimal(10, 2)),
        }
    )
    encoder = EntityEmbeddingEncoder(**FAST).set_output(transform="polars")
    out = encoder.fit_transform(X, np.arange(18.0))
    assert out.schema["c_00"] == pl.Float32
    assert out.drop("c_00", "price").equals(X.drop("c", "price"))
    assert out["price"].to_list() == [1.5] * 18
    assert out["price"].dtype == pl.Float64


def test_infinity_passes_through_and_the_net_copes():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"c": ["a", "b"] * 50, "n": rng.normal(size=100)})
    X.loc[[3, 4], "n"] = [np.inf, -np.inf]
    out = EntityEmbeddingEncoder(max_epochs=2, random_state=0).fit_transform(
        X, X["n"].clip(-3, 3)
    )
    np.testing.assert_array_equal(out[:, -1], X["n"])
    assert np.isfinite(out[:, :-1]).all()


def test_inverse_transform_gives_the_dtypes_of_fit():
    X = pd.DataFrame(
        {
            "text": pd.Series(list("xy") * 20, dtype="str"),
            "level": pd.Series(list("uv") * 20, dtype="category"),
            "id": pd.Series([BIG, BIG + 1] * 20, dtype="UInt64"),
            "n": pd.Series([1, 2] * 20, dtype="int16"),
            "flag": [True, False] * 20,
        }
    )
    choice = ["text", "level", "id"]
    encoder = EntityEmbeddingEncoder(choice, max_epochs=20, random_state=0)
    back = encoder.fit(X, np.arange(40) % 2).inverse_transform(encoder.transform(X))
    pd.testing.assert_frame_equal(back, X)


# --- targets ------------------------------------------------------------------------

C = pd.DataFrame({"c": list("abcd") * 30})
LABELS = {
    "integers": ([0, 1, 2, 1] * 30, "multiclass", [0, 1, 2]),
    "text": (["p", "q"] * 60, "binary", ["p", "q"]),
    "bools": ([True, False] * 60, "binary", [False, True]),
    "floats": ([0.5, 1.5, 2.0, 3.0] * 30, "continuous", None),
    "decimals": ([D("0.5"), D("1.5"), D(2), D(3)] * 30, "continuous", None),
}


def holders(values):
    arrow = pa.array(values)
    found = {
        "object": pd.Series(values, dtype=object),
        "arrow dtype": pd.Series(arrow, dtype=pd.ArrowDtype(arrow.type)),
        "nullable": pd.Series(values).convert_dtypes(),
        "category": pd.Series(values).astype("category"),
        "polars": pl.Series(values),
        "arrow": arrow,
        "list": values,
    }
    return found


@pytest.mark.parametrize("kind", LABELS)
def test_targets_are_what_their_values_are(kind):
    values, target_type, classes = LABELS[kind]
    for name, y in holders(values).items():
        encoder = EntityEmbeddingEncoder(**FAST).fit(C, y)
        fits = [encoder, EntityEmbeddingEncoder(**FAST).partial_fit(C, y)]
        if isinstance(y, pd.Series):
            stream = EntityEmbeddingEncoder(**FAST)
            halves = C.assign(y=y)
            fits.append(stream.fit_stream([halves[:60], halves[60:]], "y"))
            both = pd.DataFrame({"a": y, "b": np.arange(120.0)})
            two = EntityEmbeddingEncoder(**FAST).fit(C, both)
            assert two.target_type_[0] == target_type, name
        for one in fits:
            assert one.target_type_ == target_type, name
            found = one.classes_ if classes is None else one.classes_.tolist()
            assert found == classes, name


def test_targets_that_are_dates_or_mixed_are_refused():
    days = pd.to_datetime([DAY] * 120)
    mixed = pd.Series(["p", 1] * 60, dtype=object)
    for y, message in (
        (days, "target y holds dates"),
        (mixed, "labels of the target y"),
    ):
        with pytest.raises(ValueError, match=message):
            EntityEmbeddingEncoder(**FAST).fit(C, y)
        with pytest.raises(ValueError, match=r"batch 1.*target column 'y'"):
            EntityEmbeddingEncoder(**FAST).fit_stream([C.assign(y=y)], "y")
    with pytest.raises(ValueError, match=r"y=X\['price'\]"):
        EntityEmbeddingEncoder(**FAST).fit(C, "price")


@pytest.mark.parametrize(
    ("labels", "looks"),
    [
        (np.arange(120) % 30, "integers"),
        ((np.arange(120) % 30).astype(str), "numbers"),
        (np.array(["1.50", "2.25", "3.75", "1.00"] * 30), "numbers"),
        (np.array(["2024-01-01", "2024-01-02", "2024-02-01"] * 40), "dates"),
    ],
)
def test_labels_that_look_like_numbers_are_told_about(labels, looks):
    with pytest.warns(TargetTypeWarning, match=f"class labels look like {looks}"):
        EntityEmbeddingEncoder(**FAST).fit(C, labels)
    EntityEmbeddingEncoder(**FAST).fit(C, np.arange(120) % 10)  # says nothing


# --- files --------------------------------------------------------------------------

FILES = {
    "text": ["NA", "", "nan", "x,y", 'a "quote"', "None"],
    "digits": ["1", "007", "7"],
    "integers": [1, -5, BIG + 1],
    "unsigned": [7, 2**63 + 5],
    "decimals": [D("1.50"), D("12345678901234.01")],
    "floats": [0.1, 2.5, 1e300],
    "booleans": [True, False],
}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("kind", FILES)
def test_vectors_survive_the_way_to_a_file_and_back(kind, holes, ending, tmp_path):
    values = (FILES[kind] + [None] * holes) * 4
    X = pd.DataFrame({"c": pd.Series(values, dtype=object)})
    y = np.arange(len(values)) + 0.5
    params = FAST | {"embedding_dim": 3, "max_epochs": 3}
    first = EntityEmbeddingEncoder(["c"], **params).fit(X, y).embeddings_["c"]
    path = tmp_path / f"v.{ending}"
    frame = first.to_frame()
    frame.to_csv(path) if ending == "csv" else frame.to_parquet(path)
    for source in (path, frame, first):
        given = {"c": Pretrained(source, freeze=True)}
        second = EntityEmbeddingEncoder(["c"], pretrained=given, **params).fit(X, y)
        table = second.embeddings_["c"]
        assert table.dim == 3, "the count is no coordinate"
        np.testing.assert_array_equal(table.look_up(X["c"]), first.look_up(X["c"]))
