"""
Pretrained vectors: what is reused, and what moves
==================================================

A table is data once it is learned: it can be saved, read by people, and given to
another encoder. There it can stand still or go on learning. This page shows which
vectors move.
"""

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sk_entity import EmbeddingTable, EntityEmbeddingEncoder, Pretrained
from sk_entity.inspection import drift

# %%
# The first task
# --------------
# Forty shops with an effect and a slope, and many rows.
rng = np.random.default_rng(0)
n_shops = 40
names = np.array([f"shop {i:02d}" for i in range(n_shops)])
effect, slope = rng.normal(size=(2, n_shops))


def sales(shop, effect, slope):
    """Return rows of shops, and their sales."""
    z, noise = rng.normal(size=(2, len(shop)))
    X = pd.DataFrame({"shop": names[shop], "z": z})
    return X, effect[shop] + slope[shop] * z + noise


first = EntityEmbeddingEncoder(embedding_dim=2, cv=None, random_state=0)
first.fit(*sales(rng.integers(0, n_shops, 8000), effect, slope))
table = first.embeddings_["shop"]

# %%
# By value, in one file
# ---------------------
# Vectors are kept by the category's value, not by its code. So they find their place in
# any other data, in whatever order values come there.
with tempfile.TemporaryDirectory() as folder:
    table.save(Path(folder) / "shops.safetensors")
    again = EmbeddingTable.load(Path(folder) / "shops.safetensors")
print(again, "the same vectors:", np.array_equal(again.vectors, table.vectors))

# %%
# The second task
# ---------------
# A year later: effects of all shops have changed, half of the shops have two rows each,
# and the others two hundred.
frequent = np.arange(n_shops) < n_shops // 2
shop = np.repeat(np.arange(n_shops), np.where(frequent, 200, 2))
X, y = sales(shop, effect + rng.normal(0, 0.7, n_shops), slope)
settings = {"embedding_dim": 2, "cv": None, "random_state": 0}
frozen = EntityEmbeddingEncoder(
    pretrained={"shop": Pretrained(table, freeze=True)}, **settings
).fit(X, y)
print(
    "frozen vectors move by", drift(table, frozen.embeddings_["shop"])["distance"].max()
)

# %%
# Vectors that are not frozen go on learning, and ``shrinkage`` draws those of shops
# with few rows towards where they started: the more, the larger it is.
distances = {}
for shrinkage in (0.5, 2.0, 8.0):
    moving = EntityEmbeddingEncoder(
        pretrained={"shop": table}, shrinkage=shrinkage, **settings
    ).fit(X, y)
    moved = drift(table, moving.embeddings_["shop"])
    rows = np.where(moved["count"] > 2, "two hundred rows", "two rows")
    distances[shrinkage] = moved.groupby(rows)["distance"].mean()
print("mean distance that vectors of shops have moved")
print(pd.DataFrame(distances).T.rename_axis("shrinkage").round(2).to_string())

# %%
# The picture
# -----------
# Arrows go from where a vector started to where the second task took it, with the
# largest of the three shrinkages. Shops with few rows stay near their start: what is
# known from before counts more than two new rows.
start = table.to_frame().loc[names].to_numpy()[:, :2]
end = moving.embeddings_["shop"].to_frame().loc[names].to_numpy()[:, :2]
_, ax = plt.subplots(figsize=(7, 5.5), layout="constrained")
for some, color, label in (
    (frequent, "#D55E00", "two hundred rows"),
    (~frequent, "#0072B2", "two rows"),
):
    ax.quiver(
        *start[some].T,
        *(end - start)[some].T,
        angles="xy",
        scale_units="xy",
        scale=1,
        color=color,
        width=0.004,
    )
    ax.plot(*start[some].T, "o", color=color, label=label)
    ax.plot(*end[some].T, "none")  # arrows alone do not stretch the axes
ax.set(xlabel="shop_00", ylabel="shop_01", title="vectors of shops in the second task")
ax.legend(frameon=False)
ax.margins(0.1)
plt.show()

# %%
# One rule remains: vectors must not come from targets of the rows that you fit on. A
# table from other rows, or from another target that is known beforehand, is fine.
