"""
Leakage, and why vectors are out-of-fold
========================================

A vector learns from the targets of its rows. If a booster is then trained on the same
rows, it finds their targets among its features. This page shows it on a column of
noise, which knows nothing and can only do harm.
"""

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score

from sk_entity import EntityEmbeddingEncoder

# %%
# A number that knows, and a column of noise
# ------------------------------------------
# The target follows from ``z`` and noise. ``ticket`` is drawn at random: 1,000
# different values, three training rows each.
rng = np.random.default_rng(0)
n_train, n_test, n_tickets = 3000, 3000, 1000
ticket = np.r_[
    np.repeat(np.arange(n_tickets), n_train // n_tickets),
    rng.integers(0, n_tickets, n_test),
]
z = rng.normal(size=n_train + n_test)
y = z + rng.normal(size=len(z))
X = pd.DataFrame({"ticket": [f"t{i:04d}" for i in ticket], "z": z})
X_train, X_test = X[:n_train], X[n_train:]
y_train, y_test = y[:n_train], y[n_train:]

# %%
# Three ways to make training features
# ------------------------------------
# In-sample: one table, trained on all rows (``cv=None``). Cross-fitted: each row reads
# a table that has not seen it. And the mistake that brings the first back: ``fit(X,
# y).transform(X)`` on training rows, where ``fit_transform(X, y)`` is meant.
only_vectors = {
    "embedding_dim": 1,
    "crosses": None,
    "add_support": False,
    "add_prediction": False,
    "random_state": 0,
}
in_sample = EntityEmbeddingEncoder(cv=None, **only_vectors)
crossfitted = EntityEmbeddingEncoder(cv=5, **only_vectors)
features = {
    "without the column": (X_train[["z"]].to_numpy(), X_test[["z"]].to_numpy()),
    "in-sample vectors": (
        in_sample.fit_transform(X_train, y_train),
        in_sample.transform(X_test),
    ),
    "fit, then transform": (
        crossfitted.fit(X_train, y_train).transform(X_train),
        crossfitted.transform(X_test),
    ),
    "cross-fitted vectors": (
        crossfitted.fit_transform(X_train, y_train),
        crossfitted.transform(X_test),
    ),
}

# %%
# A booster on each
# -----------------
scores = {}
for name, (train, test) in features.items():
    model = HistGradientBoostingRegressor(random_state=0).fit(train, y_train)
    scores[name] = {
        "training rows": r2_score(y_train, model.predict(train)),
        "test rows": r2_score(y_test, model.predict(test)),
    }
scores = pd.DataFrame(scores).T
print(scores.round(3).to_string())

# %%
# What the booster sees
# ---------------------
# Each point is a training row: the coordinate of its ticket against what ``z`` leaves
# of its target. In-sample, the coordinate tells the target; cross-fitted, it does not,
# as on new rows. That is why test scores fall in the one case and stand in the other.
figure, (left, middle, right) = plt.subplots(
    1, 3, figsize=(13, 4.2), width_ratios=[1, 1, 1.1], layout="constrained"
)
rest = y_train - z[:n_train]
for ax, name in ((left, "in-sample vectors"), (middle, "cross-fitted vectors")):
    coordinate = features[name][0][:, 0]
    correlation = np.corrcoef(coordinate, rest)[0, 1]
    ax.scatter(coordinate, rest, s=6, alpha=0.4)
    ax.set(xlabel="coordinate of the ticket", ylabel="target less z")
    ax.set_title(f"{name}\ncorrelation {correlation:.2f}")
place = np.arange(len(scores))
right.barh(
    place + 0.2, scores["training rows"], 0.38, label="training rows", color="#56B4E9"
)
right.barh(place - 0.2, scores["test rows"], 0.38, label="test rows", color="#0072B2")
right.set_yticks(place, scores.index)
right.invert_yaxis()
right.set(xlabel="R² of the booster")
right.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.14), ncols=2)
plt.show()

# %%
# In a Pipeline there is nothing to think about: it calls ``fit_transform`` on training
# rows and ``transform`` on all others. Out-of-fold vectors also tell that a column
# knows nothing: in ``choices_``, the worth of its coordinates is the rise of the
# out-of-fold error without them, and ``z`` is the same in standard errors. Left to
# itself, the encoder then keeps the column to its support, and warns.
full = EntityEmbeddingEncoder(random_state=0)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    full.fit(X_train, y_train)
print(told[0].message)
print(full.choices_.round(3).to_string())
print(list(full.get_feature_names_out()))
