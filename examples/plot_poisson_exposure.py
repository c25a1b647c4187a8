"""
Claims by region: Poisson loss with exposure
============================================

Insurance contracts ran for different times, so that a count of claims means little
without its exposure. ``loss="poisson"`` with ``offset=log(years)`` lets vectors learn
rates. Without the offset they learn counts, and a region of short contracts looks safe.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_poisson_deviance

from sk_entity import EntityEmbeddingEncoder

# %%
# Contracts whose true rate is known
# ----------------------------------
# In some regions contracts are sold late in the year, so they ran for a short time.
rng = np.random.default_rng(0)
n_rows, n_regions, n_models = 30_000, 60, 40
region, model = rng.integers(0, (n_regions, n_models), size=(n_rows, 2)).T
log_rate = (
    rng.normal(-1.5, 0.6, n_regions)[region] + rng.normal(0, 0.4, n_models)[model]
)
typical = rng.uniform(0.1, 1.0, n_regions)  # years, a region
years = np.clip(typical[region] * rng.uniform(0.5, 1.5, n_rows), 0.02, 1)
claims = rng.poisson(years * np.exp(log_rate))
X = pd.DataFrame({"region": region, "model": model}).astype(str)
train, test = np.arange(n_rows) < 20_000, np.arange(n_rows) >= 20_000
print(f"{claims[train].sum()} claims in {years[train].sum():.0f} years")

# %%
# With and without the exposure
# -----------------------------
# The booster is fitted on claims a year, weighted by years, in both cases: only what
# the encoder knew differs.
settings = {
    "loss": "poisson",
    "crosses": None,
    "add_prediction": True,
    "max_epochs": 15,
    "random_state": 0,
}
predicted, tables = {}, {}
for name, offset in {"with exposure": np.log(years), "without": None}.items():
    encoder = EntityEmbeddingEncoder(**settings).set_output(transform="pandas")
    given = None if offset is None else offset[train]
    features = encoder.fit_transform(X[train], claims[train], offset=given)
    booster = HistGradientBoostingRegressor(loss="poisson", max_iter=60, random_state=0)
    booster.fit(features, claims[train] / years[train], sample_weight=years[train])
    predicted[name] = encoder.transform(X[test])["prediction"].to_numpy()
    tables[name] = booster.predict(encoder.transform(X[test]))
deviance = {
    name: mean_poisson_deviance(
        claims[test] / years[test], rate, sample_weight=years[test]
    )
    for name, rate in tables.items()
}
truth = mean_poisson_deviance(
    claims[test] / years[test], np.exp(log_rate[test]), sample_weight=years[test]
)
print(pd.Series(deviance | {"the true rate": truth}, name="Poisson deviance").round(4))

# %%
# What the net predicts, by region
# --------------------------------
# With the exposure, predictions are claims a year, and regions lie on the diagonal.
# Without it they are claims a contract: the shorter its contracts, the lower a region.
# The booster, whose target is a rate, mends some of that; not all, as the table says.
figure, axes = plt.subplots(
    1, 2, figsize=(10, 4.6), sharex=True, sharey=True, layout="constrained"
)
true = pd.Series(np.exp(log_rate[test])).groupby(region[test]).mean()
for ax, (name, values) in zip(axes, predicted.items(), strict=True):
    by_region = pd.Series(values).groupby(region[test]).mean()
    drawn = ax.scatter(true, by_region, c=typical[true.index], cmap="viridis")
    ax.axline((0.1, 0.1), slope=1, color="gray", linestyle=":")
    correlation = np.corrcoef(true, by_region)[0, 1]
    ax.set(title=f"{name}: correlation {correlation:.2f}", xlabel="true claims a year")
axes[0].set_ylabel("prediction, a region each")
figure.colorbar(drawn, ax=axes, label="years of a typical contract")
plt.show()
