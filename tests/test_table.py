"""EmbeddingTable: neighbours, similarity, analogies, decoding, spread."""

import pickle

import numpy as np
import pandas as pd
import pytest

from sk_entity import EmbeddingTable, EntityEmbeddingEncoder
from sk_entity._categories import Vocabulary
from sk_entity.exceptions import CategoryError


def table_of(vectors, values=None, counts=None):
    """A table of given vectors; that of unknown values is zero."""
    n = len(vectors)
    values = [f"v{i:03d}" for i in range(n)] if values is None else values
    weights = np.ones(n) if counts is None else np.asarray(counts, dtype=float)
    vocabulary = Vocabulary.build(pd.Series(values), weights)
    rows = np.zeros((vocabulary.n_codes, np.shape(vectors)[1]), dtype=np.float32)
    rows[vocabulary.encode(pd.Series(values))[0]] = vectors
    return EmbeddingTable("city", vocabulary, rows, np.append(0.0, weights))


SQUARE = np.array([[0, 0], [3, 0], [0, 1], [3, 1.2]])
NAMES = ["man", "woman", "king", "queen"]


def test_nearest_are_ordered_without_the_value_itself():
    table = table_of(SQUARE, NAMES)
    found = table.nearest("man", k=2)
    assert found.index.tolist() == ["king", "woman"]
    assert found["distance"].tolist() == [1.0, 3.0]
    assert found["count"].tolist() == [1.0, 1.0]
    assert len(table.nearest("man")) == 3
    assert table.nearest(np.array([3.0, 1.1]), k=1).index[0] == "queen"
    by_angle = table.nearest("woman", k=1, metric="cosine")
    assert by_angle.index[0] == "queen"


@pytest.mark.parametrize("values", [["a", "b"], [1.0, 2.0], [1, 2]])
@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_missing_is_no_neighbour_of_its_own(values, missing):
    cells = pd.Series([*values, None], dtype="Int64" if values == [1, 2] else None)
    table = table_of(SQUARE[:3], cells)
    a, b = values
    assert table.nearest(missing).index.tolist() == [a, b]
    assert table.nearest(a, k=1).index.isna().all()
    assert table.analogy(a, b, missing, k=3).empty
    assert table.analogy(a, a, missing, k=3).index.tolist() == [b]


def test_a_category_in_another_spelling_is_no_neighbour_of_its_own():
    table = table_of(SQUARE, [1, 2, 3, 4])
    for one in (1, 1.0, "1", np.int8(1)):
        assert table.nearest(one).index.tolist() == [3, 2, 4]


def test_similarity_is_seen_from_the_mean():
    table = table_of([[10, 1], [10, -1], [10, 2]], list("abc"), counts=[2, 4, 1])
    assert table.similarity("a", "c") == pytest.approx(1.0)
    assert table.similarity("a", "b") == pytest.approx(-1.0)
    assert table_of([[1, 1]], ["x"]).similarity("x", "x") == 0.0


def test_planted_analogies_are_answered():
    """City minus country plus another country: more than nine of ten right."""
    rng = np.random.default_rng(0)
    countries = rng.normal(size=(40, 4))
    step = np.array([1.0, 0.5, -1.0, 2.0])
    cities = countries + step + 0.02 * rng.normal(size=(40, 4))
    names = [f"country{i:02d}" for i in range(40)] + [f"city{i:02d}" for i in range(40)]
    table = table_of(np.vstack([countries, cities]), names)
    pairs = rng.permutation(40).reshape(-1, 2)
    right = [
        table.analogy(f"country{i:02d}", f"city{i:02d}", f"country{j:02d}").index[0]
        == f"city{j:02d}"
        for i, j in pairs
    ]
    assert np.mean(right) > 0.9


def test_learned_analogies_are_answered():
    """Shops of 12 towns by day and by night: sales by town, staff by the hour."""
    rng = np.random.default_rng(1)
    town, night = rng.integers(12, size=20_000), rng.integers(2, size=20_000)
    shops = np.array([["day", "night"][n] for n in night], dtype=object)
    X = pd.DataFrame({"shop": shops + town.astype(str), "x": rng.normal(size=20_000)})
    effect = rng.permutation(np.linspace(-2, 2, 12))[town]
    y = np.stack([effect, 2.0 * night], axis=1) + 0.3 * rng.normal(size=(20_000, 2))
    # Under a linear net effects that add up are directions that add up.
    encoder = EntityEmbeddingEncoder(
        embedding_dim=2, net=(), max_epochs=20, random_state=0
    )
    table = encoder.fit(X, y).embeddings_["shop"]
    questions = [(i, j) for i in range(12) for j in range(12) if i != j]
    right = [
        table.analogy(f"day{i}", f"night{i}", f"day{j}").index[0] == f"night{j}"
        for i, j in questions
    ]
    assert np.mean(right) >= 0.9


def test_means_and_decoding():
    table = table_of(SQUARE, NAMES)
    np.testing.assert_allclose(table.mean(["man", "woman"]), [1.5, 0])
    assert table.decode([[0.1, 0.9], [2.8, 0.1]]).tolist() == ["king", "woman"]
    with pytest.raises(ValueError, match="at least one"):
        table.mean([])


def test_every_vector_decodes_to_its_category():
    table = table_of(np.random.default_rng(2).normal(size=(300, 3)))
    values = table.to_frame().index
    assert table.decode(table.look_up(values)).tolist() == values.tolist()


@pytest.mark.parametrize("method", ["nearest", "similarity", "analogy", "mean"])
def test_a_misspelled_value_is_told_its_neighbours_in_spelling(method):
    table = table_of(SQUARE, NAMES)
    arguments = {
        "nearest": ["quen"],
        "similarity": ["king", "quen"],
        "analogy": ["man", "woman", "quen"],
        "mean": [["quen"]],
    }
    with pytest.raises(CategoryError, match=r"'quen'\. Did you mean 'queen'"):
        getattr(table, method)(*arguments[method])


def test_wrong_vectors_and_numbers_are_refused():
    table = table_of(SQUARE, NAMES)
    with pytest.raises(ValueError, match=r"shape \(2,\), got \(3,\)"):
        table.nearest(np.zeros(3))
    with pytest.raises(ValueError, match="k must be 1 or more"):
        table.nearest("man", k=0)
    assert table_of([[1.0, 2.0]], ["only"]).nearest("only").empty


def test_a_large_table_answers():
    vectors = np.random.default_rng(3).normal(size=(100_000, 4))
    table = table_of(vectors)
    found = table.nearest("v042", k=5)
    distances = np.sort(np.linalg.norm(vectors - vectors[42], axis=1))[1:6]
    np.testing.assert_allclose(found["distance"], distances, rtol=1e-5)


def test_what_is_found_again_is_not_stored():
    table = table_of(np.random.default_rng(3).normal(size=(2_000, 4)))
    size = len(pickle.dumps(table))
    near = table.nearest("v042", k=3)
    assert len(pickle.dumps(table)) == size
    pd.testing.assert_frame_equal(
        pickle.loads(pickle.dumps(table)).nearest("v042", 3), near
    )


def test_spread_is_larger_for_rare_categories():
    rng = np.random.default_rng(4)
    code = np.minimum(rng.geometric(0.08, size=8000), 40)
    X = pd.DataFrame({"c": [f"c{i}" for i in code]})
    y = rng.normal(size=41)[code] + rng.normal(size=8000)
    frame = EntityEmbeddingEncoder(max_epochs=10, random_state=0).fit(X, y)
    frame = frame.embeddings_["c"].to_frame(spread=True)
    assert frame[["count", "spread"]].corr("spearman").iloc[0, 1] < -0.5
    alone = EntityEmbeddingEncoder(cv=None, max_epochs=1, random_state=0).fit(X, y)
    assert alone.embeddings_["c"].to_frame(spread=True)["spread"].isna().all()


def test_features_lead_back_to_their_inputs():
    rng = np.random.default_rng(5)
    code = rng.integers(8, size=600)
    X = pd.DataFrame({"x": rng.normal(size=600), "c": [f"c{i}" for i in code]})
    X.loc[::9, "c"] = np.nan
    y = rng.normal(size=8)[code] + X["x"]
    encoder = EntityEmbeddingEncoder(
        embedding_dim=2, handle_missing="return_nan", max_epochs=5, random_state=0
    )
    encoder.fit(X, y)
    back = encoder.inverse_transform(encoder.transform(X))
    pd.testing.assert_frame_equal(back, X, check_dtype=False)
    framed = encoder.set_output(transform="pandas").transform(X[100:])
    back = encoder.inverse_transform(framed)
    pd.testing.assert_frame_equal(back, X[100:], check_dtype=False)
    dropped = EntityEmbeddingEncoder(remainder="drop", max_epochs=1, random_state=0)
    assert list(dropped.fit(X, y).inverse_transform(dropped.transform(X))) == ["c"]
    with pytest.raises(ValueError, match=r"X has shape \(3, 2\), but"):
        encoder.inverse_transform(np.zeros((3, 2)))
