"""Graphs give what transform gives: vectors to the bit, predictions up to rounding."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import skl2onnx
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sk_entity import EntityEmbeddingEncoder
from sk_entity.exceptions import ColumnError
from sk_entity.losses import PerTarget
from sk_entity.onnx import (
    MISSING_INTEGER,
    MISSING_TEXT,
    as_inputs,
    initial_types,
    register,
    to_onnx,
)

RNG = np.random.default_rng(0)
N = 300
QUICK = {"max_epochs": 2, "random_state": 0}
X = pd.DataFrame(
    {
        "text": pd.Series(RNG.choice(["a", "b", "", "d", None], N), dtype=object),
        "number": pd.array(RNG.integers(0, 6, N), dtype="Int64"),
        "yes": RNG.random(N) > 0.5,
        "share": RNG.integers(0, 4, N) / 4,
        "size": RNG.normal(size=N) * 1e3,
        "rank": RNG.integers(0, 99, N),
    }
)
X.loc[::7, "number"] = pd.NA
X.loc[::5, "size"] = np.nan
X.loc[3, "size"] = np.inf
CATEGORIES = ["text", "number", "yes", "share"]
NEW = X.copy()
NEW.loc[::3, "text"] = "new"
NEW.loc[::4, "number"] = 99
NEW.loc[::6, "share"] = 0.3
NUMBERS = RNG.normal(size=N) + X["rank"] / 50
TARGETS = {
    "continuous": (NUMBERS, {}),
    "binary": (np.where(NUMBERS > 1, "hi", "lo"), {}),
    "multiclass": (np.asarray(list("abc"))[RNG.integers(0, 3, N)], {}),
    "counts": (RNG.poisson(2, N) + 0.0, {"loss": "poisson"}),
    "hidden": (None, {"loss": "self_supervised"}),
    "several": (
        pd.DataFrame({"p": NUMBERS, "q": RNG.choice(list("xyz"), N)}),
        {"loss": PerTarget()},
    ),
}
BESIDE = {
    "vectors": {"add_support": False, "crosses": None, "add_prediction": False},
    "all": {
        "crosses": [("text", "number"), ("yes", "share"), ("number", "size")],
        "add_statistics": True,
    },
    "rare": {"min_frequency": 70, "shared_embeddings": None, "remainder": "drop"},
}


def run(model, inputs):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, inputs)


def compare(encoder, frame):
    (found,) = run(to_onnx(encoder), as_inputs(encoder, frame))
    expected = np.asarray(encoder.transform(frame), dtype=np.float64)
    assert found.dtype == np.float64
    names = encoder.get_feature_names_out()
    predicted = np.asarray([name.startswith("prediction") for name in names])
    np.testing.assert_array_equal(found[:, ~predicted], expected[:, ~predicted])
    np.testing.assert_allclose(
        found[:, predicted], expected[:, predicted], rtol=1e-5, atol=1e-5
    )


# Without a target there is none to have statistics of.
PAIRS = [(t, b) for t in TARGETS for b in BESIDE if (t, b) != ("hidden", "all")]


@pytest.mark.parametrize(("target", "beside"), PAIRS)
def test_a_graph_gives_what_transform_gives(target, beside):
    y, params = TARGETS[target]
    encoder = EntityEmbeddingEncoder(CATEGORIES, **QUICK, **params, **BESIDE[beside])
    encoder.fit(X, y)
    compare(encoder, X)
    compare(encoder, NEW)
    compare(encoder, NEW[:1])


@pytest.mark.parametrize("unknown", ["value", "warn", "return_nan"])
@pytest.mark.parametrize("missing", ["value", "return_nan"])
@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.filterwarnings("ignore::sk_entity.exceptions.UnknownCategoriesWarning")
def test_unknown_and_missing_cells(unknown, missing, seen):
    frame = X if seen else X.dropna()
    params = {"handle_unknown": unknown, "handle_missing": missing}
    encoder = EntityEmbeddingEncoder(CATEGORIES, **QUICK, **params, **BESIDE["all"])
    encoder.fit(frame, NUMBERS[frame.index])
    compare(encoder, NEW)


def test_shared_tables_and_no_numbers():
    frame = pd.DataFrame({"home": RNG.choice(list("abc"), N)})
    frame["away"] = RNG.choice(list("bcd"), N)
    params = {"shared_embeddings": [["home", "away"]]}
    encoder = EntityEmbeddingEncoder(**QUICK, **params).fit(frame, NUMBERS)
    compare(encoder, frame)


@pytest.mark.filterwarnings("ignore::sk_entity.exceptions.ColumnTypeWarning")
@pytest.mark.filterwarnings("ignore::sk_entity.exceptions.UnknownCategoriesWarning")
def test_cells_of_other_types_read_what_transform_reads():
    encoder = EntityEmbeddingEncoder(["text", "number"], **QUICK).fit(X, NUMBERS)
    floats = X.assign(number=X["number"].astype("Float64"), text=X["text"].fillna(7))
    compare(encoder, floats)
    compare(encoder, floats.assign(text=b"a", number=0.5))
    compare(encoder, floats.assign(text=b"a", number=2**70))


def test_what_stands_for_missing_cells_can_be_sent_by_hand():
    encoder = EntityEmbeddingEncoder(["text", "number"], **QUICK).fit(X, NUMBERS)
    row = {
        "text": np.asarray([[MISSING_TEXT]], dtype=object),
        "number": np.asarray([[MISSING_INTEGER]]),
        "yes": np.asarray([[1.0]]),
        "share": np.asarray([[0.5]]),
        "size": np.asarray([[np.nan]]),
        "rank": np.asarray([[3.0]]),
    }
    (found,) = run(to_onnx(encoder), row)
    frame = X[:1].assign(text=None, number=pd.NA, yes=True, share=0.5, rank=3)
    frame = frame.astype({"text": object, "number": "Int64"}).assign(size=np.nan)
    np.testing.assert_allclose(found, encoder.transform(frame), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("params", "columns", "what"),
    [
        ({"subwords": ["text"]}, ["text"], "'text' is one of subwords"),
        ({"multivalued": {"text": "|"}}, ["text"], "'text' is one of multivalued"),
        ({"hash_buckets": 5}, ["text"], "'text' is one of hash_buckets"),
        ({"handle_unknown": "error"}, ["text"], "handle_unknown='error'"),
        ({}, ["mixed"], "'mixed' holds categories of type mixed"),
        ({}, ["narrow"], "'narrow' holds categories of type float"),
        ({}, ["sentinel"], "'sentinel' has the category"),
    ],
)
def test_what_no_graph_holds_is_refused_by_name(params, columns, what):
    frame = X.assign(
        mixed=pd.Series([1, "1"] * (N // 2), dtype=object),
        narrow=X["share"].astype("float32"),
        sentinel=[MISSING_TEXT, "b"] * (N // 2),
    )[[*columns, "rank"]]
    encoder = EntityEmbeddingEncoder(columns, **QUICK, **params).fit(frame, NUMBERS)
    with pytest.raises(ColumnError, match=what):
        to_onnx(encoder)


def test_columns_that_pass_and_are_no_numbers_are_refused():
    encoder = EntityEmbeddingEncoder(["number"], **QUICK).set_output(transform="pandas")
    encoder.fit(X[["number", "text"]], NUMBERS)
    with pytest.raises(ColumnError, match="'text'"):
        to_onnx(encoder)
    encoder.set_params(remainder="drop").fit(X[["number", "text"]], NUMBERS)
    (found,) = run(to_onnx(encoder), as_inputs(encoder, X[["number", "text"]]))
    assert found.shape[1] == len(encoder.get_feature_names_out())


def test_only_fitted_encoders_and_known_operations():
    with pytest.raises(NotFittedError):
        to_onnx(EntityEmbeddingEncoder())
    encoder = EntityEmbeddingEncoder(["text"], **QUICK).fit(X[["text"]], NUMBERS)
    with pytest.raises(ValueError, match="target_opset must be 18"):
        to_onnx(encoder, target_opset=9)
    assert to_onnx(encoder, output="vectors").graph.output[0].name == "vectors"


BOOSTERS = [
    (HistGradientBoostingRegressor(max_iter=15), 0),
    (HistGradientBoostingRegressor(loss="poisson", max_iter=15), 0),
    *(
        (LGBMRegressor(objective=name, n_estimators=15, verbose=-1), 0)
        for name in ("regression", "poisson", "quantile", "gamma")
    ),
    *((HistGradientBoostingClassifier(max_iter=10), n) for n in (2, 3)),
    *((LGBMClassifier(n_estimators=10, verbose=-1), n) for n in (2, 3)),
]


@pytest.mark.parametrize(("booster", "n_classes"), BOOSTERS, ids=str)
# LightGBM has names of its own for the columns of an array.
@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
def test_a_pipeline_becomes_one_graph(booster, n_classes):
    y = RNG.poisson(3, N) + 1.0
    if n_classes:
        y = np.asarray(list("xyz"))[RNG.integers(0, n_classes, N)]
    # skl2onnx makes other names of those with a hyphen.
    frame = X.assign(size=X["size"].replace(np.inf, 1e3))
    frame = frame.rename(columns={"size": "the-size"})
    pipe = make_pipeline(EntityEmbeddingEncoder(CATEGORIES, **QUICK), booster)
    pipe.fit(frame, y)
    register()
    register()
    model = skl2onnx.to_onnx(
        pipe,
        initial_types=initial_types(pipe[0]),
        target_opset={"": 18, "ai.onnx.ml": 3},
        options={type(booster): {"zipmap": False}} if n_classes else None,
    )
    found = run(model, as_inputs(pipe[0], frame, model))
    if not n_classes:
        np.testing.assert_allclose(found[0][:, 0], pipe.predict(frame), rtol=1e-5)
        return
    assert list(found[0]) == list(pipe.predict(frame))
    np.testing.assert_allclose(found[1], pipe.predict_proba(frame), atol=1e-5)


FOREST = {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}
REFUSED = [
    (LGBMRegressor(n_estimators=3, verbose=-1, **FOREST), "cannot be exported"),
    (LGBMRegressor(n_estimators=3, zero_as_missing=True, verbose=-1), "zeros"),
    (HistGradientBoostingRegressor(max_iter=3, categorical_features=[0]), "splits"),
]


@pytest.mark.parametrize(("booster", "what"), REFUSED, ids=lambda x: str(x)[:12])
def test_boosters_that_no_graph_holds_are_refused(booster, what):
    frame = pd.DataFrame({"text": RNG.choice(list("abc"), N), "n": [0.0, 1, 2] * 100})
    encoder = EntityEmbeddingEncoder(**QUICK, **BESIDE["vectors"], embedding_dim=1)
    pipe = make_pipeline(encoder, booster).fit(frame, frame["n"] + NUMBERS)
    if what == "splits":
        features = np.asarray(RNG.integers(0, 5, (N, 2)), dtype=float)
        target = features[:, 0] % 2 + NUMBERS
        pipe.steps[1] = ("booster", booster.fit(features, target))
    register()
    with pytest.raises(ValueError, match=what):
        skl2onnx.to_onnx(
            pipe,
            initial_types=initial_types(pipe[0]),
            target_opset={"": 18, "ai.onnx.ml": 3},
        )
