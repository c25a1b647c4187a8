"""Splits of time, and others that train on fewer rows: who may teach whom."""

import numpy as np
import pandas as pd
import pytest
import torch
from evidence import evidence_of
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    PredefinedSplit,
    RepeatedKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from sk_entity import EntityEmbeddingEncoder
from sk_entity._features.statistics import PRIOR_ROWS, TargetStatistic
from sk_entity._fitting.folds import check_folds
from sk_entity._learning.kernel import Kernel
from sk_entity._learning.rows import Rows
from sk_entity._target import check_target
from sk_entity.datasets import make_entities
from sk_entity.exceptions import FoldError, ManyFoldsWarning

N = 480
DATA = make_entities(N, n_categories=(9, 5), random_state=0)
#: Sums of these, and of their squares, are exact in whatever order.
LEVELS = np.random.default_rng(0).permutation(np.repeat([-2.0, -1.0, 1.0, 2.0], N // 4))
#: Of tables with a given dimension no axes are found, which all folds would share.
CROSS = {
    "crosses": [("entity_0", "entity_1")],
    "add_statistics": True,
    "embedding_dim": 2,
}
OF_TIME = [
    TimeSeriesSplit(3),
    TimeSeriesSplit(3, gap=20),
    TimeSeriesSplit(3, max_train_size=130, gap=5),
]
#: Rows that are of no training indices beside those held out.
IN_PARTS = [
    (np.flatnonzero((np.arange(N) % 4 != k) & (np.arange(N) % 7 != k)), own)
    for k, own in enumerate(np.flatnonzero(np.arange(N) % 4 == k) for k in range(4))
]


def folds_of(cv, weight=None, groups=None):
    weight = np.ones(N) if weight is None else weight
    return check_folds(cv, check_target(DATA.y, N), weight, groups=groups, seed=0)


class Freeze(Callback):
    """Keep the shared decoder and the priors as they start: they are of all rows."""

    def on_grad_computed(self, net, **kwargs):
        for parameter in (
            net.module_.tables.prior,
            *net.module_.decoder.parameters(),
        ):
            parameter.grad.zero_()


FROZEN = {"optimizer__weight_decay": 0.0, "callbacks": [Freeze()]}


def frozen_features(y, cv, **params):
    encoder = EntityEmbeddingEncoder(
        cv=cv, max_epochs=3, net_params=FROZEN, random_state=0, **CROSS | params
    )
    return encoder.set_output(transform="pandas").fit_transform(DATA.X, y)


@pytest.mark.parametrize("cv", [*OF_TIME, IN_PARTS], ids=["plain", "gap", "most", "of"])
def test_a_row_teaches_the_tables_of_the_splits_that_train_on_it(cv):
    part, folds = folds_of(cv)
    splits = list(cv if cv is IN_PARTS else cv.split(DATA.X))
    assert not folds.is_plain
    assert folds.teaches[part, -1].all()
    table = folds.table_of(part)
    for k, (train, test) in enumerate(splits):
        np.testing.assert_array_equal(np.flatnonzero(folds.teaches[part, k]), train)
        np.testing.assert_array_equal(np.flatnonzero(table == k), test)
    never = table == len(splits)
    if cv is IN_PARTS:
        assert not never.any()
        assert folds.n_folds == len(splits)
    else:
        assert never.any()
        assert not folds.teaches[:, len(splits)].any()
        assert folds.learned.tolist() == [True, True, True, False, True]


@pytest.mark.parametrize(
    "cv",
    [
        5,
        KFold(4),
        StratifiedKFold(3),
        GroupKFold(3),
        LeaveOneGroupOut(),
        PredefinedSplit(np.arange(N) % 3),
    ],
    ids=lambda cv: type(cv).__name__,
)
def test_folds_that_train_on_all_other_rows_stay_as_they_are(cv):
    y = DATA.y > 0
    groups = np.arange(N) // 60 if "Group" in type(cv).__name__ else None
    part, folds = check_folds(cv, check_target(y, N), np.ones(N), groups=groups, seed=0)
    assert folds.is_plain
    assert folds.table_of(part) is part
    if not isinstance(cv, int):
        for k, (_, test) in enumerate(cv.split(DATA.X, y, groups)):
            np.testing.assert_array_equal(np.flatnonzero(part == k), test)


def test_rows_that_only_teach_read_the_prior():
    fold = np.arange(N) % 4 - 1
    part, folds = folds_of(PredefinedSplit(fold))
    np.testing.assert_array_equal(folds.table_of(part), np.where(fold < 0, 3, fold))
    assert folds.teaches[part[fold < 0]].all(axis=0).tolist() == [1, 1, 1, 0, 1]


def test_rows_of_weight_zero_teach_nobody():
    weight = np.ones(N)
    weight[:120] = 0
    _, folds = folds_of(TimeSeriesSplit(3), weight)
    assert folds.learned.tolist() == [False, True, True, False, True]


@pytest.mark.parametrize("cv", [RepeatedKFold(n_splits=3, n_repeats=2)])
def test_rows_that_are_held_out_twice_are_refused(cv):
    with pytest.raises(FoldError, match=r"480 rows are in several.*at most once"):
        folds_of(cv)


@pytest.mark.parametrize("y", [LEVELS, LEVELS > 0], ids=["numbers", "classes"])
@pytest.mark.parametrize("cv", OF_TIME, ids=["plain", "gap", "most"])
def test_features_depend_on_no_target_of_their_block_or_later(cv, y, monkeypatch):
    """The shared decoder held still, to the bit: vectors, what stands beside, heads.

    A block's vectors learned from earlier blocks, whose vectors learned from still
    earlier ones: unlike with shuffled folds, heads have no indirect path.
    """
    # Equal rows are merged in an order that depends on targets: keep the order.
    monkeypatch.setattr(Rows, "merged", lambda rows, bags: rows)
    before = frozen_features(y, cv)
    start = 0
    for _, test in [*cv.split(DATA.X), (None, np.array([N]))]:
        changed = y.copy()
        changed[start:] = np.random.default_rng(1).permutation(y[start:])
        after = frozen_features(changed, cv)
        pd.testing.assert_frame_equal(before[: test[0]], after[: test[0]], rtol=0)
        assert np.array_equal(before[: test[0]], after[: test[0]])
        if test[0] < N:
            later = ~np.isclose(before[test[0] :], after[test[0] :], rtol=1e-3)
            learned = before.columns != "z_1"
            learned &= ~before.columns.str.endswith("support")
            assert later.any(axis=0)[learned].all()
        start = test[0]


def test_tables_that_learn_from_all_but_their_own_rows_would_leak(monkeypatch):
    """What the test above finds of the design that was left out."""
    monkeypatch.setattr(Rows, "merged", lambda rows, bags: rows)
    blocks = PredefinedSplit(np.arange(N) // 120)
    changed = LEVELS.copy()
    changed[360:] = np.random.default_rng(1).permutation(changed[360:])
    before, after = (frozen_features(y, blocks) for y in (LEVELS, changed))
    assert not np.allclose(before[:360], after[:360], rtol=1e-2)


def test_the_shared_decoder_tells_nothing_of_the_future():
    """Nothing held still: the first half knows no effect that begins in the second."""
    rng = np.random.default_rng(0)
    n, n_values = 6000, 200
    value = rng.integers(0, n_values, n)
    effect = rng.normal(size=n_values)
    y = rng.normal(size=n) + 2 * effect[value] * (np.arange(n) >= n // 2)
    X = pd.DataFrame({"value": value.astype(str)})

    def known(cv):
        """Correlation of what the first half's features say with the later effect."""
        encoder = EntityEmbeddingEncoder(cv=cv, max_epochs=15, random_state=0)
        features = encoder.set_output(transform="pandas").fit_transform(X, y)
        rows = slice(n // 6, n // 2)
        columns = features[rows].filter(regex=r"_0|prediction")
        later = effect[value[rows]]
        found = [np.corrcoef(column, later)[0, 1] for column in columns.to_numpy().T]
        return np.abs(found).max()

    assert known(5) > 0.8
    assert known(TimeSeriesSplit(5)) < 0.15


@pytest.mark.parametrize("add", ["numbers", "classes", "counts"])
def test_rows_that_no_split_holds_out_get_what_is_known_of_nothing(add):
    y = {
        "numbers": LEVELS,
        "classes": np.digitize(LEVELS, [0, 1.5]),
        "counts": LEVELS + 2,
    }[add]
    encoder = EntityEmbeddingEncoder(
        cv=TimeSeriesSplit(3),
        max_epochs=2,
        loss="poisson" if add == "counts" else "auto",
        random_state=0,
        **CROSS,
    ).set_output(transform="pandas")
    first = encoder.fit_transform(DATA.X, y)[:120]
    for name, table in encoder.embeddings_.items():
        vectors = first.filter(regex=rf"^{name}_\d")
        np.testing.assert_array_equal(vectors, np.tile(table.unknown, (120, 1)))
        assert (first[f"{name}_support"] == 0).all()
    means = y.mean()
    if add == "classes":
        means = np.mean(y == np.arange(3)[:, None], axis=1)
    for what in (r"entity_0_statistic", r"entity_1_statistic", r"\*", "^prediction"):
        found = first.filter(regex=what).to_numpy()
        expected = np.broadcast_to(means, found.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("cv", OF_TIME, ids=["plain", "gap", "most"])
def test_statistics_equal_their_definition(cv):
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 4, size=(N, 2)).astype(np.int32)
    weight = rng.integers(1, 4, N).astype(float)
    part, folds = folds_of(cv)
    rows = (codes, np.empty((N, 0)), DATA.y[:, None], weight)
    evidence = evidence_of(*rows, part, folds)
    statistic = TargetStatistic.fit([0, 1], evidence)
    found = statistic.look_up(codes, evidence.table)[:, 0]
    for train, test in cv.split(codes):
        prior = np.average(DATA.y[train], weights=weight[train])
        for i in test[:20]:
            same = train[(codes[train] == codes[i]).all(axis=1)]
            total = weight[same] @ DATA.y[same] + PRIOR_ROWS * prior
            mean = total / (weight[same].sum() + PRIOR_ROWS)
            np.testing.assert_allclose(found[i], mean)
    last = statistic.look_up(codes)[:, 0]
    whole = TargetStatistic.fit([0, 1], evidence_of(*rows, *folds_of(None)))
    np.testing.assert_allclose(last, whole.look_up(codes)[:, 0])
    np.testing.assert_allclose(statistic.sums, whole.sums)


@pytest.mark.parametrize(
    "params",
    [
        {"early_stopping": True},
        {"batch_size": 4096, "embedding_dim": 3},
        {"multivalued": {"entity_1": "|"}},
        {"net": torch.nn.Linear},
        {"embedding_dim": 6, "learning_rate": 0.05},
        {"pretrained": {"entity_1": {v: [1.0, 0.5] for v in DATA.X["entity_1"]}}},
        {"loss": torch.nn.HuberLoss(reduction="none")},
        {"crosses": "auto"},
    ],
    ids=lambda params: next(iter(params)),
)
def test_all_kinds_of_fits_follow_the_order(params, tmp_path):
    encoder = EntityEmbeddingEncoder(
        cv=TimeSeriesSplit(3), max_epochs=2, random_state=0, **params
    )
    features = encoder.fit_transform(DATA.X, DATA.y)
    assert np.isfinite(features).all()
    assert np.isfinite(encoder.history_["train_loss"]).all()
    frame = encoder.embeddings_["entity_0"].to_frame(spread=True)
    assert np.isfinite(frame.to_numpy()).all()
    if "net" not in params and "loss" not in params:
        encoder.save(tmp_path / "encoder.safetensors")
        loaded = EntityEmbeddingEncoder.load(tmp_path / "encoder.safetensors")
        assert repr(loaded.cv) == repr(encoder.cv)
        new = loaded.transform(DATA.X)
        np.testing.assert_array_equal(new, encoder.transform(DATA.X))
    encoder.partial_fit(DATA.X[:200], DATA.y[:200])


def test_warm_starts_follow_the_order():
    encoder = EntityEmbeddingEncoder(
        embedding_dim=2,
        cv=TimeSeriesSplit(3),
        max_epochs=2,
        warm_start=True,
        random_state=0,
    )
    encoder.fit(DATA.X[:300], DATA.y[:300])
    features = encoder.fit_transform(DATA.X, DATA.y)
    unknown = encoder.embeddings_["entity_0"].unknown
    np.testing.assert_array_equal(features[:120, : len(unknown)], [unknown] * 120)


def test_several_targets_with_gaps_and_offsets_follow_the_order():
    y = pd.DataFrame({"price": DATA.y, "sold": np.where(DATA.y > 0, "yes", "no")})
    y.loc[:200, "price"] = np.nan  # no row of the first table
    encoder = EntityEmbeddingEncoder(
        cv=TimeSeriesSplit(3), max_epochs=2, random_state=0, **CROSS
    )
    offset = np.linspace(0, 1, N)
    assert np.isfinite(encoder.fit_transform(DATA.X, y, offset=offset)).all()


class Together(torch.nn.Module):
    """One loss of all rows, in which each row's gradient depends on the others."""

    def forward(self, output, target):
        return ((output - output.mean()) - (target - target.mean())).square().mean()


@pytest.mark.parametrize(
    "cv", [OF_TIME[1], PredefinedSplit(np.arange(N) // 120)], ids=["of time", "plain"]
)
def test_rows_that_judge_each_other_do_so_within_a_table(cv, monkeypatch):
    """Beside rows of other tables, they would learn of targets that they must not."""
    monkeypatch.setattr(Rows, "merged", lambda rows, bags: rows)
    changed = LEVELS.copy()
    changed[360:] = np.random.default_rng(1).permutation(changed[360:])
    before, after = (frozen_features(y, cv, loss=Together()) for y in (LEVELS, changed))
    last = slice(360, None)
    if isinstance(cv, PredefinedSplit):  # heads learn from vectors that have seen it
        before, after = (x.drop(columns="prediction") for x in (before, after))
    else:
        assert np.array_equal(before[:360], after[:360])
    assert np.array_equal(before[last], after[last])


def test_splits_of_time_are_compiled(monkeypatch):
    steps = []
    step = Kernel.step
    monkeypatch.setattr(Kernel, "step", lambda *a: steps.append(1) or step(*a))
    encoder = EntityEmbeddingEncoder(max_epochs=1, random_state=0)
    encoder.set_params(cv=TimeSeriesSplit(3)).fit(DATA.X, DATA.y)
    assert steps


def test_very_many_folds_are_told_what_they_cost():
    X, y = DATA.X[:120], DATA.y[:120]
    encoder = EntityEmbeddingEncoder(max_epochs=1, random_state=0)
    with pytest.warns(ManyFoldsWarning, match=r"LeaveOneOut.* 120 folds.* MB.*cv=5"):
        encoder.set_params(cv=LeaveOneOut()).fit(X, y)
    with pytest.warns(ManyFoldsWarning, match="cv=100 makes 100 folds"):
        encoder.set_params(cv=100).fit(X, y)
    frame = X.assign(y=y)
    with pytest.warns(ManyFoldsWarning, match="100 folds"):
        encoder.fit_stream([frame], "y")


def test_a_search_over_time_with_an_encoder_of_time():
    model = make_pipeline(
        EntityEmbeddingEncoder(cv=TimeSeriesSplit(2), max_epochs=2, random_state=0),
        Ridge(),
    )
    search = GridSearchCV(
        model,
        {"entityembeddingencoder__shrinkage": [0.5, 2.0]},
        cv=TimeSeriesSplit(2),
        error_score="raise",
    )
    search.fit(DATA.X, DATA.y)
    assert np.isfinite(search.predict(DATA.X)).all()
