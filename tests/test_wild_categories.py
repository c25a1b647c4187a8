"""Shared, multi-valued, hashed, subword, pretrained and crossed columns.

Every feature is tried with everything that an encoder must go along with; then each has
tests of what it learns, of empty and of wrong input.
"""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

from sk_entity import EntityEmbeddingEncoder, Pretrained
from sk_entity.exceptions import (
    CategoryError,
    CellTypeError,
    ColumnError,
    PretrainedWarning,
    UnknownCategoriesWarning,
)

#: Each encoder that a test fits goes through a file, too.
pytestmark = pytest.mark.usefixtures("round_trips")


@pytest.fixture(scope="module")
def games():
    """Two columns of one vocabulary, tags, titles and a number."""
    rng = np.random.default_rng(0)
    n = 400
    strength = dict(zip("abcdef", rng.normal(size=6), strict=True))
    effect = dict(zip("pqrst", rng.normal(size=5), strict=True))
    tags = [
        list(rng.choice(list("pqrst"), k, replace=False))
        for k in rng.integers(4, size=n)
    ]
    words = [rng.choice(["red", "blue"], n), rng.choice(["car", "house", "boat"], n)]
    X = pd.DataFrame(
        {
            "home": rng.choice(list("abcdef"), n),
            "away": rng.choice(list("abcdef"), n),
            "tags": tags,
            "genres": ["|".join(cell) for cell in tags],
            "title": [f"{a} {b}" for a, b in zip(*words, strict=True)],
            "size": rng.normal(size=n),
        }
    )
    X.loc[::17, "title"] = None
    X.loc[::19, "home"] = None
    y = (
        X["home"].map(strength).fillna(0)
        - X["away"].map(strength)
        + [np.mean([effect[t] for t in cell]) if cell else 0 for cell in tags]
        + (words[0] == "red")
        + 0.1 * rng.normal(size=n)
    )
    return X, y.to_numpy()


VECTORS = {team: [float(i), 1.0] for i, team in enumerate("abcdef")}
FEATURES = {
    "shared": {"shared_embeddings": [["home", "away"]]},
    "lists": {"multivalued": ["tags"]},
    "delimited": {"multivalued": {"genres": "|"}},
    "hashed": {"hash_buckets": 5},
    "hashed_column": {"hash_buckets": {"title": 3}},
    "subwords": {"subwords": ["title"]},
    "pretrained": {"pretrained": {"away": VECTORS}},
    "frozen": {"pretrained": {"away": Pretrained(VECTORS, freeze=True)}},
    "crossed": {"crosses": [("home", "away")]},
    "all": {
        "shared_embeddings": [["home", "away"]],
        "multivalued": {"tags": None, "genres": "|"},
        "subwords": ["title"],
        "pretrained": {"home": VECTORS},
        "crosses": [("home", "title")],
        "add_statistics": True,
    },
}


def frame_for(X, params):
    """The frame without the columns that the feature under test cannot read."""
    several = params.get("multivalued", ())
    return X.drop(columns=[c for c in ("tags", "genres") if c not in several])


def make(params, **more):
    return EntityEmbeddingEncoder(
        **params, **{"max_epochs": 2, "random_state": 0} | more
    )


feature = pytest.mark.parametrize("params", FEATURES.values(), ids=FEATURES)


@feature
@pytest.mark.parametrize("cv", [3, None])
def test_out_of_fold_features_do_not_see_their_targets(games, params, cv):
    """Shuffle one fold's targets: the other features of that fold stand still."""
    X, y = frame_for(games[0], params), games[1]
    fold = np.arange(len(y)) % 3
    splits = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(3)]
    other = y.copy()
    other[fold == 0] = np.random.default_rng(0).permutation(y[fold == 0])
    # Without a decoder that learns, and without heads, vectors are all that can leak.
    # Automatic tables are turned to axes that all rows share.
    still = {"learning_rate": 1e-12, "add_prediction": False}
    still |= {"embedding_dim": 2}
    params = {"crosses": None} | params | {"cv": splits if cv else None}
    encoder = make(params, **still, shrinkage=0)
    before, after = (encoder.fit_transform(X, target) for target in (y, other))
    same = np.isclose(before, after, rtol=0, atol=1e-6)[fold == 0].all()
    statistics = params.get("crosses") or params.get("add_statistics")
    assert same or (cv is None and statistics)


@feature
def test_weights_stand_for_rows(games, params):
    X, y = frame_for(games[0], params).iloc[:120], games[1][:120]
    weight = np.random.default_rng(0).integers(0, 3, 120)
    twice = np.repeat(np.arange(120), weight)
    fold = np.arange(120) % 2
    encoder = make(params, cv=[(fold != k, fold == k) for k in (0, 1)])
    encoder.set_params(cv=None)
    weighted = encoder.fit(X, y, sample_weight=weight).transform(X)
    repeated = encoder.fit(X.iloc[twice], y[twice]).transform(X)
    np.testing.assert_allclose(weighted, repeated, rtol=0, atol=1e-5)


@feature
@pytest.mark.parametrize("limits", [{"min_frequency": 60}, {"max_categories": 3}])
def test_rare_categories_share_a_row(games, params, limits):
    X, y = frame_for(games[0], params), games[1]
    out = make(params, **limits).fit_transform(X, y)
    assert np.isfinite(out).all()


@feature
def test_output_containers_agree(games, params):
    X, y = frame_for(games[0], params), games[1]
    array = make(params).fit_transform(X, y)
    for container, kind in (("pandas", pd.DataFrame), ("polars", pl.DataFrame)):
        out = make(params).set_output(transform=container).fit_transform(X, y)
        assert isinstance(out, kind)
        np.testing.assert_array_equal(np.asarray(out, dtype=float), array)


@feature
def test_polars_and_arrow_frames_are_as_good(games, params):
    X, y = frame_for(games[0], params), games[1]
    expected = make(params).fit_transform(X, y)
    for other in (pl.from_pandas(X), pl.from_pandas(X).to_arrow()):
        np.testing.assert_array_equal(make(params).fit_transform(other, y), expected)


@feature
@pytest.mark.parametrize("cv", [2, KFold(2), None])
def test_pickles_and_clones_transform_alike(games, params, cv):
    X, y = frame_for(games[0], params), games[1]
    encoder = make(params, cv=cv).fit(X, y)
    expected = encoder.transform(X)
    loaded = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(loaded.transform(X), expected)
    np.testing.assert_array_equal(clone(encoder).fit(X, y).transform(X), expected)
    # Rows by themselves are what they are among others.
    np.testing.assert_allclose(encoder.transform(X.iloc[[5]]), expected[[5]], atol=1e-6)


@feature
def test_grid_search(games, params):
    X, y = frame_for(games[0], params), games[1]
    model = make_pipeline(make(params), Ridge())
    grid = {"entityembeddingencoder__shrinkage": [0.1, 1.0]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    assert np.isfinite(search.best_score_)


@feature
def test_missing_and_unknown_cells(games, params):
    X, y = frame_for(games[0], params), games[1]
    encoder = make(params).fit(X, y)
    nothing = X.iloc[:2].assign(
        **{c: [None, None] for c in X if c not in ("size", "tags", "genres")}
    )
    assert np.isfinite(encoder.transform(nothing)).all()
    strange = X.iloc[:2].assign(home="?", title="zzz")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownCategoriesWarning)
        assert np.isfinite(encoder.transform(strange)).all()


# --- what each of them learns -------------------------------------------------------


def test_shared_columns_have_one_table_and_counts_of_both(games):
    X, y = games
    X = X[["home", "away"]]
    encoder = make(FEATURES["shared"], max_epochs=30).fit(X, y)
    home, away = (encoder.embeddings_[name] for name in X)
    assert home.vectors is away.vectors
    counts = pd.concat([X["home"], X["away"]]).value_counts()
    assert home.to_frame()["count"].drop(np.nan).to_dict() == counts.to_dict()
    # A team that was only ever at home is known away.
    X = X.assign(home=np.where(np.arange(len(X)) % 4, X["home"], "g"))
    encoder = make(FEATURES["shared"]).fit(X, y)
    assert "g" in encoder.embeddings_["away"]
    rare = make(FEATURES["shared"], min_frequency=90).fit(X, y).embeddings_["home"]
    assert rare.vocabulary.infrequent_code is None or counts.min() < 90


def test_multivalued_cells_are_means_of_their_elements(games):
    X, y = games
    encoder = make({"multivalued": ["tags"]}, max_epochs=20, embedding_dim=2)
    encoder.fit(X[["tags"]], y)
    table = encoder.embeddings_["tags"]
    out = encoder.transform(X[["tags"]])[:, :2]
    for cell, vector in zip(X["tags"], out, strict=True):
        elements = table.look_up(cell if cell else [None])
        np.testing.assert_allclose(vector, elements.mean(axis=0), atol=1e-6)
    # Support is the mean of the elements' support.
    support = encoder.transform(X[["tags"]])[:, 2]
    count = table.to_frame()["count"]
    expected = [np.log1p(count[c]).mean() if c else None for c in X["tags"]]
    for found, one in zip(support, expected, strict=True):
        assert one is None or found == pytest.approx(one, rel=1e-5)


@pytest.mark.parametrize("kind", [tuple, set, frozenset, np.array, pd.Index])
def test_every_container_and_delimited_strings_give_the_same(games, kind):
    X, y = games
    lists = make({"multivalued": ["tags"]}).fit_transform(X[["tags"]], y)
    other = X[["tags"]].assign(tags=[kind(cell) for cell in X["tags"]])
    found = make({"multivalued": ["tags"]}).fit_transform(other, y)
    np.testing.assert_array_equal(found, lists)
    text = X[["genres"]].rename(columns={"genres": "tags"})
    for separated in (text, text.astype("category")):
        found = make({"multivalued": {"tags": "|"}}).fit_transform(separated, y)
        np.testing.assert_array_equal(found, lists)


def test_weighted_elements():
    X = pd.DataFrame({"t": [[("a", 3.0), ("b", 1.0)], [("a", 1.0)], [("b", 2.0)]] * 20})
    y = np.tile([1.0, 2.0, 3.0], 20)
    encoder = make({"multivalued": ["t"]}, embedding_dim=1).fit(X, y)
    a, b = encoder.embeddings_["t"].look_up(["a", "b"])[:, 0]
    both = encoder.transform(X.iloc[:3])[:, 0]
    np.testing.assert_allclose(both, [0.75 * a + 0.25 * b, a, b], atol=1e-6)


def test_empty_missing_and_unknown_lists():
    X = pd.DataFrame({"t": [["a"], ["b", "a"], [], None, ["b", None]] * 10})
    y = np.tile([1.0, 2.0, 3.0, 3.0, 0.0], 10)
    encoder = make({"multivalued": ["t"]}, embedding_dim=1).fit(X, y)
    out = encoder.transform(X.iloc[:5])
    assert out[2] == pytest.approx(out[3])
    table = encoder.embeddings_["t"]
    assert out[4, 0] == pytest.approx(float(table["b"][0]))
    cells = pd.DataFrame({"t": [["?"], ["a", "?"], ["a"]]})
    out = encoder.transform(cells)
    assert out[0, 0] == pytest.approx(float(table.unknown[0]))
    assert out[1, 0] == out[2, 0]
    strict = make({"multivalued": ["t"]}, handle_unknown="error").fit(X, y)
    with pytest.raises(CategoryError, match="2 unknown cells"):
        strict.transform(cells)
    nan = make({"multivalued": ["t"]}, handle_unknown="return_nan").fit(X, y)
    assert np.isnan(nan.transform(cells)[:, 0]).tolist() == [True, False, False]
    nan = make({"multivalued": ["t"]}, handle_missing="return_nan").fit(X, y)
    assert np.isnan(nan.transform(X.iloc[:5])[:, 0]).tolist() == [0, 0, 1, 1, 0]
    # Nothing but empty lists: one missing category.
    empty = pd.DataFrame({"t": [[] for _ in range(50)]})
    assert len(make({"multivalued": ["t"]}).fit(empty, y).embeddings_["t"]) == 0


@pytest.mark.parametrize(
    ("cells", "multivalued", "match"),
    [
        (["a|b", 3], {"t": "|"}, "holds 3, a int.*separator"),
        (["a", ["b"]], ["t"], "holds 'a', of type str.*give a separator"),
        ([{"a": 1}, ["b"]], ["t"], "of type dict"),
        ([[("a", -1.0)], []], ["t"], "positive and finite"),
        ([[("a", "b")], []], ["t"], "numbers for weights"),
        ([[("a", 1.0), "b"], []], ["t"], "mixes values and"),
        ([["a"], ["b"]], None, "multivalued=\\['t'\\]"),
    ],
)
def test_wrong_cells(cells, multivalued, match):
    X = pd.DataFrame({"t": pd.Series(cells * 10, dtype=object)})
    with pytest.raises((CellTypeError, ColumnError), match=match):
        make({"multivalued": multivalued}).fit(X, np.arange(20.0))


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"multivalued": {"titel": "|"}}, "Did you mean 'title'"),
        ({"multivalued": {"tags": ""}}, "separator ''"),
        ({"shared_embeddings": [["home"]]}, "two or more"),
        ({"shared_embeddings": [["home", "away"], ["away", "title"]]}, "at most once"),
        ({"shared_embeddings": [["home", "size"]]}, "'size', which is not a cat"),
        (
            {"shared_embeddings": [["home", "tags"]], "multivalued": ["tags"]},
            "must be alike",
        ),
        ({"subwords": ["title"], "hash_buckets": {"title": 9}}, "Choose one"),
        ({"hash_buckets": {"title": 0}}, "positive integer"),
        ({"subwords": ["titel"]}, "Did you mean 'title'"),
        ({"crosses": [("home", "tags")], "multivalued": ["tags"]}, "one value a cell"),
        ({"pretrained": {"size": VECTORS}}, "not a categorical column"),
        ({"pretrained": {"home": {"a": [1.0], "b": [1.0, 2.0]}}}, "lengths \\[1, 2\\]"),
        ({"pretrained": {"home": {"z": [1.0]}}}, "none of the column's values"),
        ({"pretrained": {"home": {"a": [np.nan]}}}, "finite"),
        ({"pretrained": {"home": {"a": ["x"]}}}, "not a number"),
        ({"pretrained": {"home": [1.0]}}, "is a list"),
        ({"pretrained": {"home": "v.txt"}}, ".csv or .parquet"),
        ({"pretrained": {"home": VECTORS}, "embedding_dim": 3}, "2 coordinates"),
        (
            {
                "pretrained": {"home": VECTORS, "away": VECTORS},
                "shared_embeddings": [["home", "away"]],
            },
            "share a table",
        ),
        ({"pretrained": {"title": VECTORS}, "subwords": ["title"]}, "whole values"),
        (
            {
                "embedding_dim": {"home": 1, "away": 2},
                "shared_embeddings": [["home", "away"]],
            },
            "different dimensions",
        ),
    ],
)
def test_wrong_parameters(games, params, match):
    X, y = frame_for(games[0], params), games[1]
    with pytest.raises(ColumnError, match=match):
        make(params).fit(X, y)


def test_hash_buckets_are_stable_bounded_and_seeded():
    X = pd.DataFrame({"id": [f"user{i}" for i in range(500)]})
    y = np.random.default_rng(0).normal(size=500)
    encoder = make({"hash_buckets": 20}).fit(X, y)
    table = encoder.embeddings_["id"]
    assert len(table) <= 20
    assert table.to_frame()["count"].sum() == 500
    # Known once and for all, whatever the process and platform.
    assert table.vocabulary.hashing.buckets(X["id"][:4]).tolist() == [8, 16, 12, 4]
    other = make({"hash_buckets": 20}, random_state=1).fit(X, y).embeddings_["id"]
    assert other.vocabulary.hashing.buckets(X["id"][:4]).tolist() != [8, 16, 12, 4]
    numbers = [pd.Series([1, 2], dtype=d) for d in ("int64", "float64", "Int64")]
    buckets = [table.vocabulary.hashing.buckets(n).tolist() for n in numbers]
    assert buckets[0] == buckets[1] == buckets[2]


def test_unseen_strings_get_the_vectors_of_their_pieces(games):
    X, y = games
    encoder = make({"subwords": ["title"]}, embedding_dim=2, max_epochs=100)
    encoder.fit(X[["title"]], y)
    table = encoder.embeddings_["title"]

    def nearest(value):
        seen = table.to_frame().drop(columns="count").drop(np.nan)
        return (seen - table.look_up([value])[0]).pow(2).sum(axis=1).idxmin()

    assert nearest("Red Cars").startswith("red")
    assert nearest("bluee").startswith("blue")
    np.testing.assert_allclose(table.look_up(["zzz"])[0], table.unknown, atol=1e-6)
    with pytest.raises(KeyError, match="no category 'zzz'"):
        table["zzz"]
    np.testing.assert_array_equal(
        encoder.transform(pd.DataFrame({"title": ["Red Cars"]}))[0, :2],
        table["Red Cars"],
    )


# --- vectors from elsewhere ---------------------------------------------------------


def test_pretrained_vectors_from_every_source(games, tmp_path):
    X, y = games
    X = X[["away", "size"]]
    frame = pd.DataFrame.from_dict(VECTORS, orient="index", columns=["x", "y"])
    frame.to_csv(tmp_path / "v.csv")
    frame.rename_axis("team").reset_index().to_parquet(tmp_path / "v.parquet")
    earlier = make({"pretrained": {"away": Pretrained(VECTORS, freeze=True)}})
    table = earlier.fit(X, y).embeddings_["away"]
    sources = [VECTORS, frame, str(tmp_path / "v.csv"), tmp_path / "v.parquet", table]
    for source in sources:
        frozen = make({"pretrained": {"away": Pretrained(source, freeze=True)}})
        found = frozen.fit(X, y).embeddings_["away"]
        np.testing.assert_allclose(found.look_up(list(VECTORS)), frame, atol=1e-6)
        np.testing.assert_allclose(found.unknown, frame.mean(), atol=1e-6)
    tuned = make({"pretrained": {"away": VECTORS}}).fit(X, y).embeddings_["away"]
    moved = np.abs(tuned.look_up(list(VECTORS)) - frame.to_numpy())
    assert 0 < moved.max() < 0.5


def test_categories_without_a_pretrained_vector_are_named(games):
    X, y = games
    some = {"a": [0.0, 1.0], "b": [1.0, 0.0], "z": [3.0, 3.0]}
    with pytest.warns(PretrainedWarning, match="lacks 4 of 6.*'c'"):
        encoder = make({"pretrained": {"away": some}}).fit(X[["away"]], y)
    # Those that only the vectors know are known from now on.
    table = encoder.embeddings_["away"]
    assert "z" in table
    assert table["z"] - table.unknown == pytest.approx([5 / 3, 5 / 3], abs=1e-5)
    assert table.to_frame()["count"]["z"] == 0


def test_pretrained_vectors_help_where_rows_are_few():
    rng = np.random.default_rng(0)
    truth = pd.DataFrame(rng.normal(size=(200, 2)), index=[f"c{i}" for i in range(200)])
    X = pd.DataFrame({"c": rng.choice(truth.index, 1300)})
    y = truth[0][X["c"]].to_numpy() - truth[1][X["c"]].to_numpy()
    scores = []
    for pretrained in (None, {"c": truth}, {"c": Pretrained(truth, freeze=True)}):
        encoder = EntityEmbeddingEncoder(pretrained=pretrained, random_state=0)
        encoder.set_output(transform="pandas").fit(X[:300], y[:300])
        scores.append(r2_score(y[300:], encoder.transform(X[300:])["prediction"]))
    assert scores[0] < scores[1]
    assert scores[2] > 0.95


def test_a_value_with_two_pretrained_vectors_is_refused(games):
    X, y = games
    twice = pd.DataFrame([[0.0, 1.0], [1.0, 0.0]], index=["a", "a"])
    with pytest.raises(ColumnError, match=r"holds \['a'\] twice"):
        make({"pretrained": {"away": twice}}).fit(X[["away"]], y)


def test_shared_columns_of_category_dtype_are_as_good_as_strings(games):
    X, y = games
    params = {"shared_embeddings": [["home", "away"]]}
    X = X[["home", "away"]]
    plain = make(params).fit_transform(X, y)
    typed = make(params).fit_transform(X.astype("category"), y)
    np.testing.assert_array_equal(typed, plain)
