"""
Users and items in one space: columns that share a table
========================================================

A user is known by the films that they liked, and the question is whether they will like
another one. Both columns hold films. With ``shared_embeddings`` they read one table, so
that what is learned of a film as a candidate is known of it in every history, and a
user is a place on the map of films: the mean of their history.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import r2_score

from sk_entity import EntityEmbeddingEncoder
from sk_entity.inspection import procrustes_residual
from sk_entity.plotting import EmbeddingMapDisplay

# %%
# Tastes with a known truth
# -------------------------
# Films are points in a plane. A history is five films near a user's taste; a candidate
# is liked the more, the nearer it lies to their mean.
rng = np.random.default_rng(0)
n_films, n_rows = 150, 9000
names = np.array([f"film {i:03d}" for i in range(n_films)])
place = rng.uniform(-1, 1, size=(n_films, 2))
taste = rng.uniform(-1, 1, size=(n_rows, 2))
distance = np.linalg.norm(taste[:, None] - place, axis=2)
likely = np.exp(-((distance / 0.3) ** 2)) + 1e-9
drawn = np.log(likely) + rng.gumbel(size=likely.shape)
history = np.argsort(-drawn, axis=1)[:, :5]
candidate = rng.integers(0, n_films, n_rows)
user = place[history].mean(axis=1)
y = -np.linalg.norm(user - place[candidate], axis=1) + 0.1 * rng.normal(size=n_rows)
X = pd.DataFrame({"history": list(names[history]), "film": names[candidate]})
# Columns that share a table are alike: a candidate is a cell with one film.
X["film"] = [[film] for film in X["film"]]
train, test = slice(0, 6000), slice(6000, None)
print(X.head(3).to_string())

# %%
# One table or two
# ----------------
# With one table, 3,000 rows teach more than 6,000 do with two: each row tells of a film
# both as a candidate and in histories. 1,500 rows are too few for either.
settings = {
    "multivalued": ["history", "film"],
    "embedding_dim": 2,
    "crosses": None,
    "add_prediction": True,
    "cv": None,  # no features of training rows are asked for
    "random_state": 0,
}
scores, encoders = {}, {}
for name, shared in {"one table": [["history", "film"]], "a table each": None}.items():
    for n in (1500, 3000, 6000):
        encoder = EntityEmbeddingEncoder(shared_embeddings=shared, **settings)
        encoder.set_output(transform="pandas").fit(X[:n], y[:n])
        predicted = encoder.transform(X[test])["prediction"]
        scores[name, n] = r2_score(y[test], predicted)
        encoders[name] = encoder
print("R² of the prediction on new rows")
print(pd.Series(scores).unstack().round(3).to_string())
shared, own = encoders["one table"].embeddings_, encoders["a table each"].embeddings_
print(
    f"one table for both columns: {shared['film'].vectors is shared['history'].vectors}"
)
residual = procrustes_residual(own["history"], own["film"])
print(f"with a table each, the two differ, after the best rotation, by {residual:.2f}")

# %%
# A user on the map of films
# --------------------------
# Stars are the five films of a history, the cross is their mean. The nearest films are
# what to recommend; no model is asked. Colors are one of the true coordinates, which
# the encoder never saw.
table = shared["film"]
liked = X["history"].iloc[6000]
where = table.mean(liked)
near = table.nearest(where, k=12).drop(index=liked, errors="ignore").head(5)
print(near.round(2))
place_in_truth = np.argsort(np.linalg.norm(place - user[6000], axis=1))
ranks = pd.Series(np.arange(n_films) + 1, index=names[place_in_truth])
print("true ranks of these films:", *ranks[near.index])
display = EmbeddingMapDisplay.from_encoder(
    table,
    "film",
    size_by=None,
    label=False,
    color_by=pd.Series(place[:, 0], index=names, name="true place, first coordinate"),
)
ax, points = display.ax_, display.frame[["x", "y"]]
rings = {"s": 150, "facecolors": "none", "edgecolors": "#D55E00", "linewidths": 1.8}
ax.scatter(*points.loc[near.index].T.to_numpy(), **rings, label="to recommend")
ax.plot(*points.loc[liked].T.to_numpy(), "*", ms=14, color="#D55E00", label="liked")
# The map is a rotation of the vectors: the mean on the map is that of the vectors.
ax.plot(*points.loc[liked].mean(), "P", ms=13, color="black", label="the user")
ax.legend(frameon=False)
ax.set_title("a user among films, and what lies nearest")
plt.show()
