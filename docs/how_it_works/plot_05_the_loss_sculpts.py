"""
The loss sculpts what is kept
=============================

An embedding is no portrait of a category. It keeps what the loss asks for, and forgets
the rest. Here the same rows are learned under two losses: categories differ in the mean
of the target and in its spread, and only one of the two losses has a use for the
spread.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sk_entity import EntityEmbeddingEncoder
from sk_entity.losses import Quantile

# %%
# Shops that differ in mean and in spread
# ---------------------------------------
rng = np.random.default_rng(0)
n_shops, n_rows = 80, 16_000
mean, spread = rng.normal(0, 1, n_shops), rng.uniform(0.2, 3, n_shops)
shop = rng.integers(0, n_shops, n_rows)
X = pd.DataFrame({"shop": [f"shop {i:02d}" for i in shop]})
y = mean[shop] + spread[shop] * rng.normal(size=n_rows)

# %%
# Two losses, one coordinate
# --------------------------
# The squared error asks for the mean. The 90 % quantile lies 1.28 spreads above the
# mean, so its loss has to know both, in that proportion.
coordinates, correlations = {}, {}
for name, loss in {
    "squared error": "squared_error",
    "90 % quantile": Quantile(0.9),
}.items():
    encoder = EntityEmbeddingEncoder(
        loss=loss, embedding_dim=1, cv=None, crosses=None, random_state=0
    ).fit(X, y)
    found = encoder.embeddings_["shop"].to_frame()["shop_00"].to_numpy()
    found = found * np.sign(
        np.corrcoef(found, mean)[0, 1]
    )  # a vector has no up or down
    coordinates[name] = (found - found.mean()) / found.std()
    correlations[name] = {
        "mean": np.corrcoef(found, mean)[0, 1],
        "spread": np.corrcoef(found, spread)[0, 1],
        "mean + 1.28 spreads": np.corrcoef(found, mean + 1.28 * spread)[0, 1],
    }
print("correlation of the coordinate with what is true of a shop")
print(pd.DataFrame(correlations).round(2).to_string())

# %%
# Side by side
# ------------
# Each point is a shop, at its true mean and spread; its color is the learned
# coordinate. Lines join places that the loss holds for equal. Left they are upright:
# two shops of one mean have about one vector, whatever their spread. Right they are
# slanted.
figure, axes = plt.subplots(
    1, 2, figsize=(10, 4.6), sharex=True, sharey=True, layout="constrained"
)
for ax, (name, color), slope in zip(
    axes, coordinates.items(), (None, -1.28), strict=True
):
    drawn = ax.scatter(mean, spread, c=color, cmap="viridis", s=60, edgecolors="gray")
    for start in (-2, -1, 0, 1, 2):
        if slope is None:
            ax.axvline(start, color="gray", linewidth=0.7, zorder=0)
        else:
            ax.axline(
                (start, 1.5), slope=1 / slope, color="gray", linewidth=0.7, zorder=0
            )
    ax.set(xlabel="true mean", title=name, xlim=(-2.8, 2.8), ylim=(0, 3.2))
axes[0].set_ylabel("true spread")
figure.colorbar(drawn, ax=axes, label="learned coordinate (standardized)")
plt.show()

# %%
# So choose the loss by what the vectors are for. Vectors of a quantile would be of no
# use to someone who asks for means, and the other way round; if both are wanted, train
# for :ref:`several targets <sphx_glr_examples_plot_several_targets.py>`.
