"""What the net is trained for: losses, several targets, offsets, nets, no target."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.stats import norm
from sklearn import config_context
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    d2_pinball_score,
    mean_pinball_loss,
    mean_tweedie_deviance,
    r2_score,
    roc_auc_score,
)
from sklearn.pipeline import make_pipeline

from sk_entity import EntityEmbeddingEncoder
from sk_entity._learning.losses import make_criterion, row_loss
from sk_entity._target import Goal, Objective, Units
from sk_entity.losses import (
    Huber,
    LogLoss,
    PerTarget,
    Quantile,
    SelfSupervised,
    Tweedie,
)

N_ROWS, N_CATEGORIES = 4000, 20

#: Each encoder that a test fits goes through a file, too.
pytestmark = pytest.mark.usefixtures("round_trips")


@pytest.fixture(scope="module")
def rows():
    """Categories, and for each row the category's place among the others."""
    rng = np.random.default_rng(0)
    code = rng.integers(N_CATEGORIES, size=N_ROWS)
    X = pd.DataFrame({"c": [f"c{i}" for i in code], "x": rng.normal(size=N_ROWS)})
    return X, code, rng


def encoder_of(**params):
    defaults = {"max_epochs": 25, "crosses": None, "random_state": 0}
    encoder = EntityEmbeddingEncoder(**defaults | params)
    return encoder.set_output(transform="pandas")


def by_category(values, code):
    return pd.Series(np.asarray(values)).groupby(code).mean().to_numpy()


def agreement(found, expected):
    return float(np.corrcoef(found, expected)[0, 1])


# --- what each loss orders categories by ---------------------------------------------


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_a_quantile_loss_orders_categories_by_their_quantile(rows, level):
    X, code, _ = rows
    rng = np.random.default_rng(1)
    center, spread = rng.normal(size=(2, N_CATEGORIES))
    spread = np.exp(spread)
    y = center[code] + spread[code] * rng.normal(size=N_ROWS)
    true = center + spread * norm.ppf(level)
    out = encoder_of(loss=Quantile(level)).fit_transform(X, y)["prediction"]
    found = by_category(out, code)
    assert agreement(found, true) > 0.95
    if level != 0.5:
        assert agreement(found, true) > agreement(found, center)
    # More than the column's quantile explains of the pinball loss, out of fold.
    assert d2_pinball_score(y, out, alpha=level) > 0.08
    assert np.mean(y < out) == pytest.approx(level, abs=0.05)


@pytest.mark.filterwarnings("ignore::sk_entity.exceptions.SilentColumnsWarning")
def test_robust_losses_are_not_led_by_outliers(rows):
    X, code, _ = rows
    rng = np.random.default_rng(2)
    true = rng.normal(size=N_CATEGORIES)
    y = true[code] + 0.3 * rng.normal(size=N_ROWS)
    y[rng.random(N_ROWS) < 0.02] += 300.0
    found = {}
    losses = ("squared_error", "absolute_error", "huber", Huber(0.5), "quantile")
    for loss in losses:
        encoder = encoder_of(loss=loss, add_prediction=True)
        out = encoder.fit_transform(X, y)["prediction"]
        found[loss] = agreement(by_category(out, code), true)
    assert found.pop("squared_error") < 0.9
    assert min(found.values()) > 0.97


@pytest.mark.parametrize("loss", ["poisson", Tweedie(1.2)])
def test_counts_with_exposure_are_ordered_by_rate_and_not_by_count(rows, loss):
    X, code, _ = rows
    rng = np.random.default_rng(3)
    rate = np.exp(0.6 * rng.normal(size=N_CATEGORIES))
    # The rarer an event, the longer one looks: counts say the opposite of rates.
    exposure = rng.uniform(1, 3, N_ROWS) / rate[code] ** 1.5
    y = rng.poisson(rate[code] * exposure)
    out = encoder_of(loss=loss).fit_transform(X, y, offset=np.log(exposure))
    found = by_category(out["prediction"], code)
    assert agreement(np.log(found), np.log(rate)) > 0.97
    assert agreement(by_category(y, code), rate) < 0
    # In the units of the rate, and on average right.
    assert (out["prediction"] * exposure).sum() == pytest.approx(y.sum(), rel=0.05)


def test_exposures_weigh_rates_and_leave_support_and_other_targets_alone(rows):
    X, code, _ = rows
    rng = np.random.default_rng(19)
    exposure = rng.uniform(0.1, 3, N_ROWS)
    counts = rng.poisson(np.outer(exposure, [1.0, 2.0])) * 1.0
    y = pd.DataFrame({"a": counts[:, 0], "b": counts[:, 1], "c": code * 1.0})
    loss = PerTarget({"a": "poisson", "b": "poisson"})
    params = {"loss": loss, "add_statistics": True, "max_epochs": 1}
    encoder = encoder_of(**params).fit(X, y, offset=np.log(exposure))
    out = encoder.transform(X).groupby(X["c"]).first()
    size = X["c"].value_counts()
    np.testing.assert_allclose(out["c_support"], np.log1p(size[out.index]), rtol=1e-5)
    for name in ("a", "b"):
        sums = pd.DataFrame({"y": y[name], "e": exposure}).groupby(X["c"]).sum()
        rate = (sums["y"] + 10 * sums["y"].sum() / sums["e"].sum()) / (sums["e"] + 10)
        np.testing.assert_allclose(out[f"c_statistic_{name}"], rate, rtol=1e-5)


def test_rows_with_and_without_offsets_add_up(rows):
    X, code, _ = rows
    y = np.random.default_rng(20).poisson(1.0 + code)
    encoder = encoder_of(loss="poisson", add_statistics=True, max_epochs=1)
    encoder.partial_fit(X[:2000], y[:2000])
    encoder.partial_fit(X[2000:], y[2000:], offset=np.zeros(2000))
    whole = encoder_of(loss="poisson", add_statistics=True, max_epochs=1).fit(X, y)
    np.testing.assert_allclose(
        encoder.transform(X)["c_statistic"],
        whole.transform(X)["c_statistic"],
        rtol=1e-5,
    )


def test_gamma_and_log_loss_and_a_named_column_as_offset(rows):
    X, code, _ = rows
    rng = np.random.default_rng(4)
    mean = np.exp(rng.normal(size=N_CATEGORIES))
    y = mean[code] * rng.gamma(3, size=N_ROWS) / 3
    out = encoder_of(loss="gamma").fit_transform(X, y)["prediction"]
    assert agreement(np.log(by_category(out, code)), np.log(mean)) > 0.97
    size = np.exp(rng.normal(size=N_ROWS))
    encoder = encoder_of(loss="gamma")
    named = encoder.fit_transform(X.assign(s=np.log(size)), y * size, offset="s")
    assert agreement(np.log(by_category(named["prediction"], code)), np.log(mean)) > 0.9
    assert "s" in named
    label = np.where(rng.random(N_ROWS) < 1 / (1 + 1 / mean[code]), "yes", "no")
    logs = encoder_of(loss="log_loss").fit_transform(X, label)["prediction"]
    assert roc_auc_score(mean[code] > np.median(mean), logs) > 0.95


def test_with_a_base_models_score_as_offset_vectors_learn_what_it_leaves(rows):
    X, code, _ = rows
    rng = np.random.default_rng(5)
    known, left = rng.normal(size=(2, N_CATEGORIES))
    y = 10 + 5 * known[code] + left[code] + 0.3 * rng.normal(size=N_ROWS)
    out = encoder_of(add_statistics=True).fit_transform(X, y, offset=5 * known[code])
    for column in ("prediction", "c_statistic"):
        assert agreement(by_category(out[column], code), left) > 0.97
    score = 2 * known[code]
    label = rng.random(N_ROWS) < 1 / (1 + np.exp(-score - left[code]))
    out = encoder_of().fit_transform(X, label, offset=score)["prediction"]
    assert agreement(by_category(out, code), left) > 0.8


@pytest.mark.parametrize(
    ("loss", "power"), [("poisson", 1), ("gamma", 2), ("tweedie", 1.4)]
)
def test_deviances_are_those_of_scikit_learn(loss, power):
    rng = np.random.default_rng(6)
    y, mean = rng.gamma(2, size=50), rng.gamma(2, size=50)
    goal = Goal("", "continuous", None, loss, float(power))
    target, raw = torch.as_tensor(y), torch.as_tensor(np.log(mean))[:, None]
    own = row_loss(goal, Units(dispersion=2.0))
    best = own(target.log()[:, None], target)
    deviance = 2 * 2.0 * (own(raw, target) - best).mean()
    expected = mean_tweedie_deviance(y, mean, power=power)
    assert float(deviance) == pytest.approx(expected)


def test_the_pinball_loss_is_that_of_scikit_learn():
    y, output = np.random.default_rng(7).normal(size=(2, 50))
    goal = Goal("", "continuous", None, "quantile", 0.3)
    found = row_loss(goal, Units())(
        torch.as_tensor(output)[:, None], torch.as_tensor(y)
    )
    expected = mean_pinball_loss(y, output, alpha=0.3)
    assert float(found.mean()) / 2 == pytest.approx(expected)


# --- several targets -----------------------------------------------------------------


def probe(encoder, X, y, attribute):
    """Held-out accuracy with which a linear model reads an attribute off vectors."""
    table = encoder.fit(X, y).embeddings_["c"].to_frame()
    where = table.loc[[f"c{i}" for i in range(len(attribute))]]
    vectors = where.filter(regex=r"^c_\d").to_numpy()
    half = np.random.default_rng(0).random(len(attribute)) < 0.5
    model = LogisticRegression(C=100).fit(vectors[half], attribute[half])
    return model.score(vectors[~half], attribute[~half])


def test_a_second_target_keeps_in_the_vectors_what_the_first_does_not_need():
    rng = np.random.default_rng(9)
    shape, colour = np.arange(60) % 2, np.arange(60) // 2 % 2
    code = rng.integers(60, size=6000)
    X = pd.DataFrame({"c": [f"c{i}" for i in code]})
    price = 2.0 * shape[code] + 0.5 * rng.normal(size=6000)
    paint = np.where(rng.random(6000) < 0.9, colour[code], 1 - colour[code])
    params = {"embedding_dim": 2, "max_epochs": 30}
    alone = encoder_of(**params)
    assert probe(alone, X, price, shape) > 0.95
    assert probe(alone, X, price, colour) < 0.75
    both = pd.DataFrame({"price": price, "paint": np.array(["red", "blue"])[paint]})
    together = encoder_of(**params)
    assert probe(together, X, both, shape) > 0.95
    assert probe(together, X, both, colour) > 0.95
    nothing = encoder_of(**params, loss=PerTarget(target_weights={"paint": 0.0}))
    assert probe(nothing, X, both, colour) < 0.75


def mixed(code):
    rng = np.random.default_rng(10)
    effect = rng.normal(size=(3, N_CATEGORIES))
    return pd.DataFrame(
        {
            "price": effect[0][code] + 0.3 * rng.normal(size=N_ROWS),
            "sold": np.where(effect[1][code] > 0, "yes", "no"),
            "kind": np.array(["x", "y", "z"])[code % 3],
        }
    )


def test_targets_of_several_kinds_with_holes(rows):
    X, code, _ = rows
    y = mixed(code)
    seen = y.copy()
    seen.loc[::2, "price"] = np.nan
    seen.loc[1::3, "sold"] = None
    encoder = encoder_of(add_statistics=True, cv=3)
    out = encoder.fit_transform(X, seen)
    assert encoder.target_type_ == ["continuous", "binary", "multiclass"]
    assert encoder.classes_[0] is None
    assert encoder.classes_[2].tolist() == ["x", "y", "z"]
    assert encoder.feature_groups_["prediction"] == [
        "prediction_price",
        "prediction_sold",
        "prediction_kind_x",
        "prediction_kind_y",
        "prediction_kind_z",
    ]
    holes = seen["price"].isna()
    assert r2_score(y["price"][holes], out["prediction_price"][holes]) > 0.8
    assert ((out["prediction_sold"] > 0.5) == (y["sold"] == "yes")).mean() > 0.99
    # Statistics are of the rows that have the target.
    known = seen["price"].groupby(X["c"]).agg(["sum", "count"])
    mean = (known["sum"] + 10 * seen["price"].mean()) / (known["count"] + 10)
    final = encoder.transform(X)["c_statistic_price"]
    np.testing.assert_allclose(final, X["c"].map(mean), rtol=1e-5)


def test_a_missing_target_has_no_loss_and_no_gradient():
    goals = (
        Goal("a", "continuous", None, "squared_error", weight=2.0),
        Goal("b", "multiclass", np.arange(3), "log_loss"),
    )
    objective = Objective(goals, has_offset=True)
    criterion = make_criterion(objective, (Units(), Units()), None)
    output = torch.randn(4, 4, requires_grad=True)
    nan = np.nan
    target = torch.tensor([[1.0, 2], [nan, 0], [0.5, nan], [nan, nan]])
    loss = criterion(output, torch.hstack([target, torch.zeros(4, 1)]))
    loss.sum().backward()
    seen = (output.grad != 0).numpy()
    np.testing.assert_array_equal(seen[:, 0], [True, False, True, False])
    np.testing.assert_array_equal(seen[:, 1:].all(axis=1), [True, True, False, False])
    loss, output = loss.detach().numpy(), output.detach().numpy()
    assert loss[3] == 0
    assert loss[2] == pytest.approx((output[2, 0] - 0.5) ** 2)


def test_auto_crosses_see_every_target():
    rng = np.random.default_rng(11)
    a, b = rng.integers(12, size=(2, 9000))
    X = pd.DataFrame({"a": [f"a{i}" for i in a], "b": [f"b{i}" for i in b]})
    joint = rng.normal(size=(12, 12))[a, b]
    y = pd.DataFrame({"noise": rng.normal(size=9000), "joint": joint})
    y.loc[::5, "joint"] = np.nan
    params = {"max_epochs": 1, "random_state": 0}
    encoder = EntityEmbeddingEncoder(**params).fit(X, y)
    assert encoder.crosses_ == [("a", "b")]
    assert encoder.feature_groups_["a*b"] == ["a*b_noise", "a*b_joint"]


def test_several_targets_can_grow_and_come_as_arrays(rows):
    X, code, _ = rows
    y = mixed(code)
    half = N_ROWS // 2
    encoder = encoder_of(max_epochs=3)
    encoder.partial_fit(X[:half], y[:half]).partial_fit(X[half:], y[half:])
    assert encoder.embeddings_["c"].counts.sum() == N_ROWS
    numbers = np.stack([y["price"], 2 * y["price"]], axis=1)
    out = encoder_of(max_epochs=3).fit_transform(X, numbers)
    assert {"prediction_0", "prediction_1"} <= set(out)


# --- classes, weights ----------------------------------------------------------------


def test_class_weights_move_predictions_and_work_beside_sample_weights(rows):
    X, code, _ = rows
    rng = np.random.default_rng(12)
    y = rng.random(N_ROWS) < 0.1 + 0.1 * (code % 2)
    weight = rng.uniform(0.5, 1.5, N_ROWS)
    means = [
        encoder_of(loss=LogLoss(given), add_prediction=True)
        .fit_transform(X, y, sample_weight=weight)["prediction"]
        .mean()
        for given in (None, {True: 3.0}, "balanced")
    ]
    assert means[0] == pytest.approx(np.average(y, weights=weight), abs=0.03)
    assert means[2] == pytest.approx(0.5, abs=0.05)
    assert means[0] < means[1] < means[2]
    three = np.where(y, "a", np.where(code % 3, "b", "c"))
    encoder = encoder_of(loss=LogLoss("balanced"), add_prediction=True)
    out = encoder.fit_transform(X, three)
    assert out["prediction_a"].mean() > 0.25 > np.mean(three == "a")


def test_two_in_a_thousand_are_learned(rows):
    rng = np.random.default_rng(13)
    code = rng.integers(10, size=40_000)
    risk = np.where(code < 2, 0.008, 0.0005)
    y = rng.random(40_000) < risk
    X = pd.DataFrame({"c": [f"c{i}" for i in code], "x": rng.normal(size=40_000)})
    for loss in ("auto", LogLoss("balanced")):
        out = encoder_of(loss=loss, max_epochs=10).fit_transform(X, y)["prediction"]
        assert roc_auc_score(code < 2, out) > 0.95
        assert np.isfinite(out).all()


# --- own losses and nets -------------------------------------------------------------


class Cox(torch.nn.Module):
    """The negative partial log-likelihood of D. R. Cox (1972), ties by order."""

    def forward(self, risk, target):
        time, event = target.T
        order = time.argsort(descending=True)
        risk, event = risk[order], event[order]
        own = risk - torch.logcumsumexp(risk, 0)
        return -(own * event).sum() / event.sum().clamp(min=1)


class Residual(torch.nn.Module):
    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.enter = torch.nn.Linear(n_inputs, 16)
        self.block = torch.nn.Linear(16, 16)
        self.leave = torch.nn.Linear(16, n_outputs)

    def forward(self, x):
        hidden = self.enter(x).relu()
        return self.leave(hidden + self.block(hidden).relu())


def test_survival_by_a_loss_of_the_users(rows):
    X, code, _ = rows
    rng = np.random.default_rng(14)
    hazard = rng.normal(size=N_CATEGORIES)
    time = rng.exponential(np.exp(-hazard[code]))
    stop = rng.exponential(2, size=N_ROWS)
    y = pd.DataFrame({"time": np.minimum(time, stop), "event": (time < stop) * 1.0})
    out = encoder_of(loss=Cox()).fit_transform(X, y)
    assert agreement(by_category(out["prediction"], code), hazard) > 0.95


def test_a_loss_of_all_rows_refuses_what_would_weigh_them(rows):
    X, code, _ = rows
    y = np.stack([code + 1.0, np.ones(N_ROWS)], axis=1)
    encoder = encoder_of(loss=Cox(), max_epochs=1)
    encoder.fit(X, y, sample_weight=np.full(N_ROWS, 2.0))
    with pytest.raises(ValueError, match="rows cannot be weighed"):
        encoder.fit(X, y, sample_weight=code + 1.0)
    with pytest.raises(ValueError, match="rows cannot be weighed"):
        encoder_of(loss=Cox(), early_stopping=True, max_epochs=1).fit(X, y)


@pytest.mark.parametrize(
    "loss", [torch.nn.SmoothL1Loss, torch.nn.SmoothL1Loss(beta=0.5)]
)
@pytest.mark.parametrize("net", [Residual, lambda i, o: Residual(i, o)])
def test_losses_and_nets_of_the_users(rows, loss, net):
    X, code, _ = rows
    true = np.random.default_rng(15).normal(size=N_CATEGORIES)
    encoder = encoder_of(loss=loss, net=net, max_epochs=10, cv=3)
    out = encoder.fit_transform(X, true[code])
    assert agreement(by_category(out["prediction"], code), true) > 0.98
    assert isinstance(encoder.net_.module_.decoder, Residual)
    assert encoder.fit_transform(X, true[code]).equals(out)


def test_a_net_can_be_an_instance_and_stays_as_it_was(rows):
    X, code, _ = rows
    net = Residual(3, 1)
    before = net.enter.weight.clone()
    encoder = encoder_of(net=net, embedding_dim=2, max_epochs=2).fit(X, code * 1.0)
    assert torch.equal(net.enter.weight, before)
    assert not torch.equal(encoder.net_.module_.decoder.enter.weight, before)


def test_classes_under_a_torch_loss_give_probabilities(rows):
    X, code, _ = rows
    labels = np.array(["a", "b", "c"])[code % 3]
    out = encoder_of(loss=torch.nn.CrossEntropyLoss, cv=3).fit_transform(X, labels)
    names = ["prediction_a", "prediction_b", "prediction_c"]
    assert (out[names].to_numpy().argmax(axis=1) == code % 3).mean() > 0.99
    np.testing.assert_allclose(out[names].sum(axis=1), 1.0, rtol=1e-5)


def test_a_learning_rate_schedule_of_the_users(rows):
    from skorch.callbacks import LRScheduler

    X, code, _ = rows
    schedule = LRScheduler(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5)
    encoder = encoder_of(max_epochs=3, net_params={"callbacks": [schedule]})
    history = encoder.fit(X, code * 1.0).history_
    assert list(history.columns[:2]) == ["epoch", "train_loss"]
    # In place of the encoder's own.
    rates = history["event_lr"].to_numpy()
    np.testing.assert_allclose(rates[1:] / rates[:-1], 0.5)


def test_a_compiled_decoder_learns_the_same(rows, monkeypatch):
    X, code, _ = rows
    compiled = []

    def compile_(module, **options):
        compiled.append((type(module).__name__, options))

    # What torch makes of it is torch's to test, and takes a compiler.
    monkeypatch.setattr(torch.nn.Module, "compile", compile_)
    plain = encoder_of(max_epochs=2).fit_transform(X, code * 1.0)
    net_params = {"compile": True, "compile__mode": "reduce-overhead"}
    out = encoder_of(max_epochs=2, net_params=net_params).fit_transform(X, code * 1.0)
    assert compiled == [("Decoder", {"mode": "reduce-overhead"})]
    pd.testing.assert_frame_equal(out, plain)


# --- no target -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def towns():
    """Towns of two countries; streets and goods say the country, nothing else does."""
    rng = np.random.default_rng(16)
    town = rng.integers(20, size=5000)
    country = town % 2
    street = 2 * rng.integers(5, size=5000) + country
    good = 2 * rng.integers(4, size=5000) + country
    X = pd.DataFrame(
        {
            "town": [f"t{i}" for i in town],
            "street": [f"s{i}" for i in street],
            "good": [f"g{i}" for i in good],
        }
    )
    return X, np.arange(20) % 2


@pytest.mark.parametrize("loss", ["self_supervised", SelfSupervised(0.4)])
def test_without_a_target_vectors_tell_what_goes_along(towns, loss):
    X, country = towns
    encoder = encoder_of(loss=loss)
    out = encoder.fit_transform(X)
    vectors = encoder.embeddings_["town"].to_frame().filter(regex=r"^town_\d")
    vectors = vectors.loc[[f"t{i}" for i in range(20)]].to_numpy()
    half = np.arange(20) < 10
    model = LogisticRegression(C=100).fit(vectors[half], country[half])
    assert model.score(vectors[~half], country[~half]) == 1.0
    # No target, no folds: training rows and new rows are alike.
    pd.testing.assert_frame_equal(encoder.transform(X), out)
    assert not [name for name in out if "prediction" in name or "*" in name]


def test_without_a_target_y_does_not_matter(towns):
    X, _ = towns
    encoder = encoder_of(loss="self_supervised", max_epochs=2)
    alone = encoder.fit_transform(X)
    with_y = encoder.fit_transform(X, np.arange(len(X)) * 1.0)
    pd.testing.assert_frame_equal(alone, with_y)
    encoder.partial_fit(X[:100].assign(town="new"), None)
    assert encoder.embeddings_["town"]["new"] is not None
    pipe = make_pipeline(encoder_of(loss="self_supervised", max_epochs=2))
    pd.testing.assert_frame_equal(pipe.fit_transform(X), alone)


# --- what is refused -----------------------------------------------------------------

COUNTS = np.arange(40) % 4
TEXT = np.where(COUNTS > 1, "a", "b")
TWO = np.stack([COUNTS, COUNTS + 1], axis=1) * 1.0
HALF = np.arange(40) / 2


class Wide(torch.nn.Module):
    def forward(self, output, target):
        return torch.zeros(3)


REFUSED = [
    ({}, None, {}, "y to be passed"),
    ({}, HALF[:39], {}, "40 rows, y has 39"),
    ({}, np.r_[np.nan, HALF[1:]], {}, "NaN: 1 of 40"),
    ({}, np.r_[np.inf, HALF[1:]], {}, "infinity: 1 of 40"),
    ({"loss": "poisson"}, HALF - 1, {}, "zero or positive, but the smallest is -1"),
    ({"loss": "poisson"}, 0 * HALF, {}, "all targets are zero"),
    ({"loss": "gamma"}, HALF, {}, "that are positive, but the smallest is 0"),
    ({"loss": "tweedie"}, -HALF, {}, "zero or positive"),
    ({"loss": "poisson"}, TEXT, {}, "not numbers"),
    ({"loss": "log_loss"}, HALF, {}, "one of classes, but the target is continuous"),
    ({"loss": "mse"}, HALF, {}, "loss='mse' is none of"),
    ({"loss": 3}, HALF, {}, "loss=3 is no loss"),
    ({"loss": Wide}, HALF, {}, "one value a row, or one of all rows"),
    ({"loss": LogLoss({"c": 2})}, TEXT, {}, "names \\['c'\\], which are no classes"),
    ({"loss": LogLoss({"a": -1})}, TEXT, {}, "class_weight must be zero or positive"),
    ({"net": (8, 0)}, HALF, {}, "net must hold positive integers"),
    ({"net": "deep"}, HALF, {}, "'net' parameter"),
    ({"net": torch.nn.Linear(4, 3)}, HALF, {}, "cannot be multiplied"),
    ({"net": lambda n, k: torch.nn.Linear(n, 3)}, HALF, {}, "give 1 outputs a row"),
    ({}, HALF, {"sample_weight": -np.ones(40)}, "Negative values in sample_weight"),
    ({}, HALF, {"sample_weight": np.zeros(40)}, "all zero"),
    ({}, HALF, {"sample_weight": np.full(40, np.nan)}, "NaN"),
    ({}, HALF, {"sample_weight": np.ones(3)}, "sample_weight.shape"),
    ({}, HALF, {"offset": np.ones(3)}, "one number a row, shape \\(40,\\)"),
    ({}, HALF, {"offset": np.full(40, -np.inf)}, "NaN or infinity in 40 rows"),
    ({}, HALF, {"offset": ["x"] * 40}, "offset must hold numbers"),
    ({}, HALF, {"offset": "exposure"}, "no column of X"),
    ({}, COUNTS.astype(str), {"offset": HALF}, "three or more classes"),
    ({}, TWO[:39], {}, "40 rows, y has 39"),
    ({}, TWO * [1, np.nan], {}, "Column '1' of y holds no value"),
    ({}, TWO * [1, np.inf], {}, "Column '1' of y: .*infinity"),
    ({"loss": PerTarget(["auto"])}, TWO, {}, "1 entries, but y has 2 columns"),
    ({"loss": PerTarget({"z": "auto"})}, TWO, {}, "names \\['z'\\], which are no col"),
    ({"loss": PerTarget("auto", [1, -1])}, TWO, {}, "target_weights must be zero or"),
    ({"loss": PerTarget("auto", [0, 0])}, TWO, {}, "not all zero"),
    ({"loss": PerTarget(Cox(), [1, 2])}, TWO, {}, "weighs them itself"),
    ({"loss": "self_supervised"}, None, {"offset": HALF}, "offset cannot be used"),
    ({"loss": PerTarget(["auto", Cox()])}, TWO, {}, "sees all columns of y"),
    ({"loss": PerTarget(["log_loss", "auto"])}, TWO / 3, {}, "'0' is continuous"),
    ({"loss": "self_supervised", "add_statistics": True}, None, {}, "has no target"),
    (
        {"loss": "self_supervised", "crosses": [("a", "b")]},
        None,
        {},
        "crosses as given",
    ),
]


@pytest.mark.parametrize(("params", "y", "kwargs", "message"), REFUSED)
def test_refused(params, y, kwargs, message):
    X = pd.DataFrame({"a": list("abcd") * 10, "b": list("wxyz") * 10})
    with pytest.raises((ValueError, TypeError), match=message):
        EntityEmbeddingEncoder(max_epochs=1, cv=2, **params).fit(X, y, **kwargs)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (lambda: Quantile(1.0), "level must be between 0 and 1, got 1.0"),
        (lambda: Tweedie(2), "power must be between 1"),
        (lambda: Huber(0), "delta must be above 0"),
        (lambda: SelfSupervised(0.0), "masked must be between"),
        (lambda: SelfSupervised(0.5, 0), "max_classes must be 1 or more"),
    ],
)
def test_refused_numbers_of_losses(spec, message):
    with pytest.raises(ValueError, match=message):
        spec()


def test_two_columns_of_one_name_are_refused(rows):
    X, code, _ = rows
    y = pd.DataFrame(np.stack([code, code], axis=1) * 1.0, columns=["a", "a"])
    with pytest.raises(ValueError, match="several columns of the same name"):
        encoder_of().fit(X, y)


def test_further_rows_must_have_the_targets_of_the_first(rows):
    X, code, _ = rows
    encoder = encoder_of(max_epochs=1).partial_fit(X, mixed(code))
    with pytest.raises(ValueError, match=r"y has 2 columns, but .* with 3"):
        encoder.partial_fit(X, mixed(code)[["price", "sold"]])
    with pytest.raises(ValueError, match="classes names the labels of one column"):
        encoder_of().partial_fit(X, mixed(code), classes=["yes", "no"])


# --- shapes of targets ---------------------------------------------------------------


def test_a_frame_of_one_column_and_frames_of_polars_are_targets(rows):
    X, code, _ = rows
    quick = {"max_epochs": 1}
    plain = encoder_of(**quick).fit_transform(X, code * 1.0)
    frame = pd.DataFrame({"y": code * 1.0})
    pd.testing.assert_frame_equal(encoder_of(**quick).fit_transform(X, frame), plain)
    y = mixed(code)
    several = encoder_of(**quick).fit_transform(X, y)
    polar = encoder_of(**quick).fit_transform(X, pl.from_pandas(y))
    pd.testing.assert_frame_equal(polar, several)


def test_a_loss_of_the_users_gets_the_offset_added_to_the_output(rows):
    X, code, _ = rows
    known, left = np.random.default_rng(18).normal(size=(2, N_CATEGORIES))
    y = known[code] + left[code]
    encoder = encoder_of(loss=torch.nn.MSELoss(), max_epochs=10)
    out = encoder.fit_transform(X, y, offset=known[code])["prediction"]
    assert agreement(by_category(out, code), left) > 0.97


def test_rare_categories_are_one_class_where_cells_are_hidden(towns):
    X, _ = towns
    encoder = encoder_of(loss=SelfSupervised(max_classes=4), max_epochs=2).fit(X)
    assert [len(classes) for classes in encoder.classes_] == [4, 4, 4]


# --- beside the rest -----------------------------------------------------------------


def test_offsets_are_routed(rows):
    X, code, _ = rows
    with config_context(enable_metadata_routing=True):
        encoder = encoder_of(max_epochs=1).set_fit_request(offset=True)
        pipe = make_pipeline(encoder, DummyRegressor())
        routed = pipe.fit(X, code * 1.0, offset=code / 2)[0].transform(X)
    alone = encoder_of(max_epochs=1)
    alone.fit_transform(X, code * 1.0, offset=code / 2)
    pd.testing.assert_frame_equal(routed, alone.transform(X))


@pytest.mark.parametrize("loss", ["poisson", Quantile(0.9)])
def test_losses_in_streams(rows, loss):
    X, code, _ = rows
    count = np.random.default_rng(17).poisson(1 + code)
    frames = [X.assign(y=count)[i : i + 1000] for i in range(0, N_ROWS, 1000)]
    encoder = encoder_of(loss=loss).fit_stream(frames, "y")
    assert encoder.target_type_ == "continuous"
    out = by_category(encoder.transform(X)["prediction"], code)
    assert agreement(out, np.arange(N_CATEGORIES)) > 0.97
    with pytest.raises(ValueError, match="zero or positive"):
        encoder_of(loss="poisson").fit_stream([X.assign(y=-count)], "y")
    with pytest.raises(ValueError, match="holds labels"):
        encoder_of(loss=loss).fit_stream([X.assign(y="a")], "y")
    truth = [frame.assign(y=frame["y"] > 9) for frame in frames]
    empty = frames[0][:0]
    found = encoder_of(loss=loss, max_epochs=1).fit_stream([*truth, empty], "y")
    assert found.target_type_ == "continuous"
    for wrong in (PerTarget(), "self_supervised", Cox()):
        with pytest.raises(ValueError, match="loss as given"):
            encoder_of(loss=wrong).fit_stream(frames, "y")
