"""
Unknown, rare and missing
=========================

What is the vector of a value that training never saw, of one seen twice, of no value at
all? One idea answers all three: a category is the unknown category, plus as much of a
deviation as its rows can support.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sk_entity import EntityEmbeddingEncoder

# %%
# Films of one to a thousand ratings
# ----------------------------------
# Each of 200 films has a true mean; the number of its ratings ranges from one to a
# thousand. In 500 more rows the film is missing, and ratings are low there.
rng = np.random.default_rng(0)
n_films = 200
count = np.geomspace(1, 1000, n_films).astype(int)
truth = rng.normal(0, 1, n_films)
film = np.r_[np.repeat(np.arange(n_films), count), np.full(500, -1)]
y = np.where(film >= 0, truth[film], -1.5) + rng.normal(0, 1, len(film))
names = np.array([*(f"film {i:03d}" for i in range(n_films)), None], dtype=object)
X = pd.DataFrame({"film": names[film]})
print(f"{len(X):,} rows; films of one or two ratings: {(count <= 2).sum()}")

# %%
# What the encoder makes of them
# ------------------------------
# A tenth of the codes is replaced by "unknown" in training, so that the unknown vector
# learns what to expect of a film of which nothing is known. A missing value is a
# category of its own, since training rows held some.
encoder = EntityEmbeddingEncoder(
    embedding_dim=1, crosses=None, add_prediction=True, random_state=0
).set_output(transform="pandas")
encoder.fit(X, y)
asked = pd.DataFrame({"film": ["film 199", "film 000", "never seen", None]})
features = encoder.transform(asked)
features.insert(0, "value", ["1,000 ratings", "one rating", "never seen", "missing"])
print(features.round(2).to_string(index=False))

# %%
# Rare categories are drawn towards the unknown one
# -------------------------------------------------
# Left: the mean of a film's own ratings, which for few ratings is mostly noise. Right:
# the net's prediction from its vector. It keeps what many ratings say and doubts what
# few say, which makes the error smaller just where rows are few.
own = pd.Series(y[film >= 0]).groupby(film[film >= 0]).mean().to_numpy()
frame = pd.DataFrame({"film": names[:n_films]})
predicted = encoder.transform(frame)["prediction"].to_numpy()
unknown, missing = features["prediction"].iloc[2:]
figure, axes = plt.subplots(
    1, 2, figsize=(11, 4.6), sharex=True, sharey=True, layout="constrained"
)
shown = {"mean of its own ratings": own, "prediction from its vector": predicted}
for ax, (name, values) in zip(axes, shown.items(), strict=True):
    drawn = ax.scatter(
        count, values, c=truth, cmap="RdBu_r", vmin=-2.5, vmax=2.5, edgecolors="gray"
    )
    ax.set(xscale="log", xlabel="ratings of the film", title=name)
axes[1].axhline(unknown, color="black", linestyle=":", label="a film never seen")
axes[1].axhline(missing, color="#009E73", linestyle="--", label="film missing")
axes[1].legend(frameon=False, loc="lower right")
figure.colorbar(drawn, ax=axes, label="true mean")
plt.show()

few = count <= 5
errors = {
    name: [np.sqrt(np.mean((v[some] - truth[some]) ** 2)) for some in (few, ~few)]
    for name, v in shown.items()
}
print("root mean square error against the true means")
print(pd.DataFrame(errors, index=["up to five ratings", "more"]).T.round(2).to_string())

# %%
# How strongly: the parameter ``shrinkage``
# -----------------------------------------
table = {}
for shrinkage in (0.1, 0.5, 2.0):
    one = EntityEmbeddingEncoder(
        embedding_dim=1, cv=None, shrinkage=shrinkage, random_state=0
    ).fit(X, y)
    vectors = one.embeddings_["film"]
    distance = np.abs(vectors.look_up(names[:n_films]) - vectors.unknown)[:, 0]
    table[shrinkage] = distance[few].mean() / distance[~few].mean()
print("distance from the unknown vector, films of up to five ratings over the others")
print(pd.Series(table).rename_axis("shrinkage").round(2).to_string())

# %%
# ``handle_unknown`` and ``handle_missing`` can also ask for NaN or an error, and
# ``min_frequency`` gives all rare categories one vector.
