"""
Must the net be wider for many categories? How many coordinates?
================================================================

No, and few. What grows with the categories is the table; the net reads coordinates, and
does not know how many categories there are. The number of coordinates follows from how
many ways there are in which categories differ, and from the rows that can tell.
"""

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.metrics import r2_score

from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import make_entities

# %%
# Ten to two thousand categories, three widths
# --------------------------------------------
# Each category has an effect and a slope on the number ``z_1``. There are ten rows a
# category, or 2,000, so that it is the categories that grow and not what is known of
# each. The score is that of the net on rows it has not seen.
nets = {"8": (8,), "64, 32": (64, 32), "256, 128": (256, 128)}
rows = []
for n in (10, 100, 2000):
    n_train = max(2000, 10 * n)
    data = make_entities(n_train + 2000, n_categories=(n,), noise=0.3, random_state=0)
    train, test = data.X[:n_train], data.X[n_train:]
    for name, net in nets.items():
        encoder = EntityEmbeddingEncoder(
            net=net,
            embedding_dim=2,
            cv=None,
            add_prediction=True,
            crosses=None,
            random_state=0,
        ).set_output(transform="pandas")
        encoder.fit(train, data.y[:n_train])
        score = r2_score(data.y[n_train:], encoder.transform(test)["prediction"])
        first = 2 + train.shape[1] - 1
        widths = [first, *net, 1]
        of_net = sum((a + 1) * b for a, b in pairwise(widths))
        rows.append((n, name, score, of_net, 2 * (n + 1)))
names = [
    "categories",
    "hidden layers",
    "R²",
    "weights of the net",
    "weights of the table",
]
widths = pd.DataFrame(rows, columns=names)
by_width = widths.pivot(index="categories", columns="hidden layers", values="R²")
by_width = by_width[list(nets)]
print(by_width.round(3).to_string())
print(widths[names[1:2] + names[3:4]].drop_duplicates().to_string(index=False))

# %%
# One to eight coordinates
# ------------------------
# Now every category has three numbers: an effect and two slopes. The same net, with
# vectors of one to eight coordinates, for rows that are many or few.
rows = []
for n_train in (1000, 8000):
    data = make_entities(
        n_train + 2000, n_categories=(80,), dim=3, noise=0.3, random_state=0
    )
    train, test = data.X[:n_train], data.X[n_train:]
    for dim in (1, 2, 3, 4, 8):
        encoder = EntityEmbeddingEncoder(
            embedding_dim=dim,
            cv=None,
            add_prediction=True,
            crosses=None,
            random_state=0,
        ).set_output(transform="pandas")
        encoder.fit(train, data.y[:n_train])
        score = r2_score(data.y[n_train:], encoder.transform(test)["prediction"])
        rows.append((n_train, dim, score))
    chosen = EntityEmbeddingEncoder(random_state=0).fit(train, data.y[:n_train])
    kept = chosen.choices_.query("what == 'coordinates'")["kept"].item()
    print(f"{n_train:,} rows: embedding_dim='auto' outputs {kept} coordinates")
by_dim = pd.DataFrame(rows, columns=["rows", "coordinates", "R²"])
by_dim = by_dim.pivot(index="coordinates", columns="rows", values="R²")
print(by_dim.round(3).to_string())

# %%
# The picture
# -----------
# Left: two hundred times as many categories, and the widest net gains nothing over the
# usual one. Right: what matters is whether there are as many coordinates as there are
# ways to differ. More do not hurt much, and cost features.
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for name, marker in zip(by_width, "os^", strict=True):
    left.plot(by_width.index, by_width[name], marker=marker, label=f"({name})")
left.set(xscale="log", xlabel="categories", ylabel="R² on test rows", ylim=(0, 1))
left.set_xticks(by_width.index, [f"{n:,}" for n in by_width.index])
left.set_xticks([], minor=True)
left.legend(title="hidden layers", frameon=False)
left.set_title("a wider net")
for n_train in by_dim:
    right.plot(by_dim.index, by_dim[n_train], "o-", label=f"{n_train:,} rows")
right.axvline(3, color="gray", linestyle=":", label="truth")
right.set(xlabel="coordinates", ylim=(0, 1), title="longer vectors")
right.legend(frameon=False)
plt.show()
