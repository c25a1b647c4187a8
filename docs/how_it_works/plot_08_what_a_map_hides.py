"""
What a 2-D map shows and hides
==============================

Vectors often have more than two coordinates, and paper has two. A map is a shadow: what
is near in the vectors is near in the shadow, but not the other way round. This page
counts how often the map misleads, for a linear map and for t-SNE.
"""

# %%
import matplotlib.pyplot as plt
import pandas as pd

from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import make_entities
from sk_entity.inspection import map_trustworthiness, procrustes_residual
from sk_entity.plotting import EmbeddingMapDisplay

# %%
# Vectors of five coordinates
# ---------------------------
# Each of 100 categories has an effect and four slopes, all of equal weight, so that no
# two coordinates say it all.
data = make_entities(20_000, n_categories=(100,), dim=5, noise=0.2, random_state=0)
settings = {"embedding_dim": 5, "cv": None, "crosses": None}
table, other = (
    EntityEmbeddingEncoder(**settings, random_state=seed)
    .fit(data.X, data.y)
    .embeddings_["entity_0"]
    for seed in (0, 1)
)

# %%
# Two maps of one table
# ---------------------
# The circles are around the five nearest neighbours of one category, in all five
# coordinates. On the linear map (left) strangers stand between them. t-SNE (right)
# keeps more of them together, not all, and gives up distances: gaps mean nothing there.
chosen = table.to_frame()["count"].idxmax()
figure, axes = plt.subplots(1, 2, figsize=(12, 5.2), layout="constrained")
rows = {}
for ax, method in zip(axes, ("pca", "tsne"), strict=True):
    display = EmbeddingMapDisplay.from_encoder(
        table,
        "entity_0",
        method=method,
        size_by=None,
        label=[chosen],
        highlight=chosen,
        ax=ax,
    )
    points = display.frame[["x", "y"]]
    trust = map_trustworthiness(table, points)
    distance = ((points - points.loc[chosen]) ** 2).sum(axis=1).drop(chosen)
    on_map = set(distance.nsmallest(5).index)
    true = set(table.nearest(chosen, k=5).index)
    rows[method] = {
        "trustworthiness": trust,
        f"of 5 neighbours of {chosen}, near on the map": len(on_map & true),
    }
    ax.set_title(f"{method}: trustworthiness {trust:.2f}")
plt.show()
print(pd.DataFrame(rows).round(2).to_string())

# %%
# A map has no north
# ------------------
# Another seed gives other coordinates: the same shape, turned and mirrored. Compare
# distances between categories, never coordinates of two fits.
first, second = table.to_frame(), other.to_frame().loc[table.to_frame().index]
correlation = pd.DataFrame(
    [[first.iloc[:, i].corr(second.iloc[:, j]) for j in range(5)] for i in range(5)]
)
print("correlation of the coordinates of two seeds (rows: first seed)")
print(correlation.round(2).to_string())
print(f"difference after the best rotation: {procrustes_residual(table, other):.3f}")

# %%
# So trust what is measured on the vectors: ``table.nearest``, ``table.similarity``, and
# ``map_trustworthiness`` for how far a map may be believed.
