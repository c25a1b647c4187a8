"""The encoder's own behaviour: columns, output, tables, options, errors."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from skorch.callbacks import Callback

from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import make_entities
from sk_entity.exceptions import (
    CategoryError,
    CellTypeError,
    ColumnError,
    FoldError,
    NoCategoricalColumnsWarning,
)

#: Vectors only: what stands beside them is tested in test_extras.py.
FAST = {
    "max_epochs": 2,
    "random_state": 0,
    "crosses": None,
    "add_support": False,
    "add_prediction": False,
}


def test_one_hot_times_the_table_is_the_output():
    data = make_entities(500, n_categories=(40, 7), random_state=0)
    encoder = EntityEmbeddingEncoder(embedding_dim=3, **FAST)
    encoder.set_output(transform="pandas")
    out = encoder.fit(data.X, data.y).transform(data.X)
    for column, table in encoder.embeddings_.items():
        one_hot = np.eye(len(table.vectors), dtype=np.float32)
        one_hot = one_hot[table.encode(data.X[column])]
        block = out[encoder.feature_groups_[column]].to_numpy()
        np.testing.assert_array_equal(one_hot @ table.vectors, block)


def test_feature_groups_cover_the_output(cities):
    X, y = cities
    encoder = EntityEmbeddingEncoder(embedding_dim=11, **FAST).fit(X, y)
    assert encoder.feature_groups_["size"] == ["size"]
    assert encoder.feature_groups_["city"][0] == "city_00"
    assert encoder.feature_groups_["city"][-1] == "city_10"
    flat = [name for group in encoder.feature_groups_.values() for name in group]
    assert flat == list(encoder.get_feature_names_out())


@pytest.mark.parametrize(
    ("rule", "dims"),
    [
        ("auto", [4, 4]),
        (3, [3, 3]),
        ({"entity_1": 5}, [4, 5]),
        (lambda n: n // 4, [5, 2]),
    ],
)
def test_embedding_dim(rule, dims):
    data = make_entities(200, n_categories=(20, 8), random_state=0)
    encoder = EntityEmbeddingEncoder(embedding_dim=rule, **FAST).fit(data.X, data.y)
    assert [table.dim for table in encoder.embeddings_.values()] == dims


@pytest.mark.parametrize(
    "choice",
    [
        ["a", "c"],
        [0, 2],
        [True, False, True],
        [0, -1],
        lambda X: ["a", "c"],
        np.array([0, 2]),
    ],
)
def test_categorical_features(choice):
    X = pd.DataFrame({"a": ["u", "v"] * 10, "b": range(20), "c": [1, 2] * 10})
    encoder = EntityEmbeddingEncoder(choice, **FAST).fit(X, np.arange(20.0) + 0.5)
    assert list(encoder.embeddings_) == ["a", "c"]
    assert list(encoder.get_feature_names_out()) == ["a_00", "c_00", "b"]


def test_remainder_drop(cities):
    X, y = cities
    encoder = EntityEmbeddingEncoder(embedding_dim=2, remainder="drop", **FAST)
    assert encoder.fit_transform(X, y).shape == (120, 2)
    assert list(encoder.feature_groups_) == ["city"]


def test_numeric_columns_pass_through_unrounded(cities):
    X, y = cities
    X = X.assign(big=2**53 - np.arange(120), small=np.float64(1) / 3)
    out = EntityEmbeddingEncoder(**FAST).fit(X, y).transform(X)
    np.testing.assert_array_equal(out[:, -2], X["big"])
    np.testing.assert_array_equal(out[:, -1], X["small"])


def test_no_categorical_column_warns_and_passes_through():
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0, 5.0], "b": [True, False] * 2 + [True]})
    encoder = EntityEmbeddingEncoder()
    with pytest.warns(NoCategoricalColumnsWarning, match="Pass the names"):
        out = encoder.fit_transform(X, [1.0, 2.5, 3.0, 4.0, 5.0])
    np.testing.assert_array_equal(out, X.to_numpy(dtype=float))
    assert encoder.embeddings_ == {}
    assert encoder.net_ is None


def test_polars_and_object_arrays(cities):
    X, y = cities
    expected = EntityEmbeddingEncoder(**FAST).fit_transform(X, y)
    polars = EntityEmbeddingEncoder(**FAST).fit_transform(pl.from_pandas(X), y)
    array = EntityEmbeddingEncoder(**FAST).fit_transform(X.to_numpy(dtype=object), y)
    np.testing.assert_array_equal(polars, expected)
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("n_rows", [0, 1, 3])
def test_transform_any_number_of_rows(cities, n_rows):
    X, y = cities
    encoder = EntityEmbeddingEncoder(embedding_dim=2, **FAST).fit(X, y)
    whole = encoder.transform(X)
    np.testing.assert_array_equal(encoder.transform(X.iloc[:n_rows]), whole[:n_rows])
    frame = encoder.set_output(transform="pandas").transform(X.iloc[:n_rows])
    assert frame.shape == (n_rows, 3)


def test_unknown_missing_and_infrequent_share_the_tables(cities):
    X, y = cities
    X = pd.concat([X, X.iloc[:3]], ignore_index=True)
    X.loc[120, "city"] = None
    X.loc[121:, "city"] = ["Nuuk", "Pula"]
    y = np.append(y, y[:3])
    encoder = EntityEmbeddingEncoder(embedding_dim=2, min_frequency=2, **FAST)
    table = encoder.fit(X, y).embeddings_["city"]
    new = X.iloc[:4].assign(city=["never seen", None, "Nuuk", "Pula"])
    out = encoder.transform(new)[:, :2].astype(np.float32)
    np.testing.assert_array_equal(out[0], table.unknown)
    np.testing.assert_array_equal(out[2], out[3])
    assert not np.array_equal(out[1], out[0])
    assert "Nuuk" in table
    assert "never seen" not in table
    frame = table.to_frame()
    assert frame.loc["Nuuk", "count"] == 2
    assert frame.index.isna().sum() == 1
    assert len(table) == 8


def test_return_nan_and_error(cities):
    X, y = cities
    new = X.iloc[:2].assign(city=["never seen", None])
    nan = EntityEmbeddingEncoder(
        embedding_dim=2,
        handle_unknown="return_nan",
        handle_missing="return_nan",
        **FAST,
    )
    out = nan.fit(X, y).transform(new)
    assert np.isnan(out[:, :2]).all()
    assert not np.isnan(out[:, 2]).any()
    assert np.isnan(nan.fit_transform(X.assign(city=[None, *X["city"][1:]]), y)).any()
    for kind in ("unknown", "missing"):
        strict = EntityEmbeddingEncoder(**{f"handle_{kind}": "error"}, **FAST).fit(X, y)
        with pytest.raises(CategoryError, match=f"1 {kind} cells"):
            strict.transform(new)


def test_max_categories(cities):
    X, y = cities
    encoder = EntityEmbeddingEncoder(max_categories=3, **FAST).fit(X, y)
    table = encoder.embeddings_["city"]
    assert len(table.vectors) == 4  # two cities, the others, unknown
    assert len(np.unique(table.look_up(X["city"]), axis=0)) == 3


@pytest.mark.parametrize("cv", [5, None])
def test_targets(cities, cv):
    X, y = cities
    labels = pd.Series(np.digitize(y, [1, 3]), index=X.index).map(
        {0: "low", 1: "mid", 2: "top"}
    )
    encoder = EntityEmbeddingEncoder(cv=cv, **FAST).fit(X, labels)
    assert encoder.target_type_ == "multiclass"
    assert list(encoder.classes_) == ["low", "mid", "top"]
    assert EntityEmbeddingEncoder(cv=cv, **FAST).fit(X, y > 2).target_type_ == "binary"
    params = {"embedding_dim": 2, "max_epochs": 5, "random_state": 0}
    huge = EntityEmbeddingEncoder(cv=cv, **params).fit(X, y * 1e12)
    plain = EntityEmbeddingEncoder(cv=cv, **params).fit(X, y)
    # Rows stand in the order of their contents' hashes, and so in other batches.
    np.testing.assert_allclose(
        huge.embeddings_["city"].vectors, plain.embeddings_["city"].vectors, atol=2e-2
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"when": pd.Timestamp("2020-01-01")}, "'when'.*dt.month"),
        ({"when": pd.Timedelta(1, "D")}, "'when'.*total_seconds"),
        ({"wave": 1j}, "Complex data not supported: column 'wave'"),
        ({"when": pd.Categorical([pd.Timestamp("2020-01-01")] * 120)}, "'when'.*Dates"),
        ({"id": 2**60}, "'id' holds integers beyond"),
        ({"city_00": 1.0}, "share names.*city_00"),
    ],
)
def test_refused_columns(cities, change, message):
    X, y = cities
    with pytest.raises(ColumnError, match=message):
        EntityEmbeddingEncoder(**FAST).fit(X.assign(**change), y)


@pytest.mark.parametrize("cell", [["x"], {"a": 1}, ("x", "y"), {"x"}])
def test_nested_cells_name_the_column(cities, cell):
    X, y = cities
    X = X.assign(city=[cell] + ["Rome"] * 119)
    with pytest.raises(CellTypeError, match=r"Column 'city' holds .* one a cell"):
        EntityEmbeddingEncoder(**FAST).fit(X, y)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (["citty"], "Did you mean 'city'"),
        ([7], "position 7, but X has 2 columns"),
        ([True], "one bool for each of the 2 columns"),
        (["city", 0], "'city' twice"),
        ("citi", "'citi', which is not a column"),
        (["size"], "not among categorical_features"),
    ],
)
def test_refused_choices(cities, choice, message):
    X, y = cities
    X = X.astype({"city": "category"})
    with pytest.raises(ColumnError, match=message):
        EntityEmbeddingEncoder(choice, **FAST).fit(X, y)


def test_duplicate_column_names(cities):
    X, y = cities
    with pytest.raises(ColumnError, match=r"same name: \['city'\]"):
        EntityEmbeddingEncoder(**FAST).fit(pd.concat([X, X[["city"]]], axis=1), y)


def test_strings_that_are_not_chosen_are_refused(cities):
    X, y = cities
    with pytest.raises(ColumnError, match=r"'other'.*not numeric"):
        EntityEmbeddingEncoder(["city"], **FAST).fit(X.assign(other="a"), y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "y to be passed"),
        (np.r_[np.nan, np.arange(119)], "NaN: 1 of 120"),
        (np.r_[np.inf, np.arange(119)], "infinity"),
        (np.arange(119.0), "120 rows, y has 119"),
    ],
)
def test_refused_targets(cities, y, message):
    with pytest.raises(ValueError, match=message):
        EntityEmbeddingEncoder(**FAST).fit(cities[0], y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"embedding_dim": {"town": 2}}, "'town'.*not categorical"),
        ({"embedding_dim": lambda n: 0}, "positive integer.*got 0.*'city'"),
        ({"embedding_dim": 0}, "embedding_dim"),
        ({"net_params": {"module__dropout": 1.0}}, "module__dropout"),
        ({"remainder": "keep"}, "remainder"),
        ({"handle_unknown": "ignore"}, "handle_unknown"),
        ({"cv": 121}, "n_samples=120"),
        ({"device": "toaster"}, "device='toaster'"),
        ({"net": (8, 0)}, "net"),
        ({"net_params": {"tempo": 3}}, "tempo"),
    ],
)
def test_refused_parameters(cities, params, message):
    X, y = cities
    with pytest.raises((ValueError, TypeError), match=message):
        EntityEmbeddingEncoder(**(FAST | params)).fit(X, y)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.full(120, -1.0), "(?i)negative"),
        (np.zeros(120), "zero"),
        (np.full(120, np.nan), "NaN"),
        (np.ones(119), "119"),
    ],
)
def test_refused_weights(cities, weight, message):
    X, y = cities
    with pytest.raises(ValueError, match=message):
        EntityEmbeddingEncoder(**FAST).fit(X, y, sample_weight=weight)


def test_folds_must_hold_each_row_out_at_most_once(cities):
    X, y = cities
    overlapping = [
        (np.arange(60, 120), np.arange(70)),
        (np.arange(60), np.arange(60, 120)),
    ]
    with pytest.raises(FoldError, match="10 rows are in several"):
        EntityEmbeddingEncoder(cv=overlapping, **FAST).fit(X, y)
    taught = [overlapping[0], (np.arange(60), np.arange(70, 120))]
    with pytest.raises(FoldError, match="10 rows are in the training and in the"):
        EntityEmbeddingEncoder(cv=taught, **FAST).fit(X, y)
    with pytest.raises(FoldError, match="1 fold"):
        EntityEmbeddingEncoder(cv=[(np.arange(120), np.arange(120))], **FAST).fit(X, y)


def test_training_options_reach_skorch(cities):
    X, y = cities

    class Count(Callback):
        epochs = 0

        def on_epoch_end(self, net, **kwargs):
            self.epochs += 1

    counter = Count()
    encoder = EntityEmbeddingEncoder(
        max_epochs=4,
        batch_size=50,
        net=(8,),
        net_params={
            "callbacks": [counter, Count],
            "optimizer": torch.optim.SGD,
            "optimizer__momentum": 0.5,
        },
        device="cpu",
        random_state=0,
    ).fit(X, y)
    assert counter.epochs == 4
    assert list(encoder.history_["epoch"]) == [1, 2, 3, 4]
    assert (encoder.history_["train_batch_count"] == 3).all()
    assert encoder.net_.module_.decoder.perceptron[0].out_features == 8


@pytest.mark.parametrize("cv", [3, None])
def test_early_stopping_ends_before_the_budget(cities, cv):
    X, _ = cities
    rng = np.random.default_rng(0)
    encoder = EntityEmbeddingEncoder(
        max_epochs=200, early_stopping=True, cv=cv, random_state=0
    ).fit(X, rng.normal(size=120))
    assert len(encoder.history_) < 200
    assert "valid_loss" in encoder.history_


@pytest.mark.parametrize("early_stopping", [True, False])
def test_fit_on_one_row(early_stopping):
    X = pd.DataFrame({"city": ["Rome"], "size": [1.0]})
    encoder = EntityEmbeddingEncoder(cv=None, early_stopping=early_stopping, **FAST)
    assert np.isfinite(encoder.fit_transform(X, [1.5])).all()


def test_constant_columns_and_targets(cities):
    X, _ = cities
    encoder = EntityEmbeddingEncoder(**FAST)
    out = encoder.fit_transform(X.assign(city="Rome", size=1.0), np.full(120, 2.5))
    assert np.isfinite(out).all()


def test_progress_is_told_in_lines(cities, capsys):
    X, y = cities
    EntityEmbeddingEncoder(verbose=1, max_epochs=8, random_state=0).fit(X, y)
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("entity embeddings: ") for line in lines)
    shares = [int(line.split("%")[0].split()[-1]) for line in lines]
    assert shares == sorted(shares)
    assert len(shares) > 5
    assert shares[-1] == 100
    assert all(" s left" in line for line in lines[:-1])
    assert "done in" in lines[-1]
    told = "\n".join(lines)
    assert "epoch 1 of 8 at most, loss" in told
    assert "predictions" in told


def test_silent_by_default(cities, capsys):
    X, y = cities
    EntityEmbeddingEncoder(**FAST, early_stopping=True).fit(X, y)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.parametrize("shape", [(5, 0), (0, 2)])
def test_a_frame_without_rows_or_columns_is_refused(shape):
    X = pd.DataFrame(np.zeros(shape), columns=[f"c{i}" for i in range(shape[1])])
    with pytest.raises(ValueError, match=r"Found array with 0 (feature|sample)"):
        EntityEmbeddingEncoder().fit(X, np.zeros(shape[0]))


@pytest.mark.filterwarnings("ignore::sk_entity.exceptions.SilentColumnsWarning")
def test_rows_of_one_group_count_once_for_the_automatic_dimension():
    """Sixty shops of two people each, who are seen a hundred times."""
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(120), 100)
    X = pd.DataFrame({"shop": (person % 60).astype(str), "x": rng.normal(size=12_000)})
    y = rng.normal(size=12_000)
    encoder = EntityEmbeddingEncoder(max_epochs=1, random_state=0)
    assert encoder.fit(X, y).embeddings_["shop"].dim == 4
    assert encoder.fit(X, y, groups=person).embeddings_["shop"].dim == 1
    one_each = np.arange(12_000)
    assert encoder.fit(X, y, groups=one_each).embeddings_["shop"].dim == 4
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        encoder.fit(X, y, groups=person[:-1])


def test_rare_classes_tell_less_about_a_category():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"shop": (np.arange(12_000) % 60).astype(str)})
    encoder = EntityEmbeddingEncoder(max_epochs=1, random_state=0)
    dims = [
        encoder.fit(X, rng.random(12_000) < share).embeddings_["shop"].dim
        for share in (0.5, 0.003)
    ]
    assert dims == [4, 1]  # 200 rows a shop, and 3 that are worth as much
