"""
Dask: vectors of data that lie on many machines
===============================================

``DaskEntityEmbeddingEncoder`` fits Dask collections where they lie. Here the cluster is
one worker in this process; a real one has a worker a machine. What comes out is a plain
encoder in the end, and its vectors do not depend on how many workers there were.
"""

# %%
import dask.dataframe as dd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from distributed import Client
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score

from sk_entity import EntityEmbeddingEncoder
from sk_entity.dask import DaskEntityEmbeddingEncoder
from sk_entity.datasets import make_entities
from sk_entity.inspection import procrustes_residual

# %%
# A collection of four partitions
# -------------------------------
# ``dd.read_parquet`` would give one, too. A partition is read on the worker that holds
# it.
data = make_entities(8000, n_categories=(100, 30), noise=0.3, random_state=0)
X_train, X_test = data.X[:6000], data.X[6000:]
y_train, y_test = data.y[:6000], data.y[6000:]
rows = dd.from_pandas(X_train.assign(y=y_train), npartitions=4)
print(rows)

# %%
# Fit and features
# ----------------
# ``fit_transform`` learns at once; the features of the training rows, cross-fitted, are
# a lazy frame with the partitions of the input.
settings = {"crosses": None, "max_epochs": 15, "random_state": 0}
with Client(processes=False, n_workers=1, dashboard_address=":0") as client:
    distributed = DaskEntityEmbeddingEncoder(**settings, client=client)
    lazy = distributed.fit_transform(rows[list(X_train)], rows["y"])
    print("partitions of the features:", lazy.npartitions)
    features = lazy.compute()
encoder = distributed.to_local().set_output(transform="pandas")
print(type(encoder).__name__, "with", *encoder.embeddings_.values())

# %%
# Beside the encoder of one machine
# ---------------------------------
# Folds are drawn in another way, so vectors are as good, not the same.
local = EntityEmbeddingEncoder(**settings).set_output(transform="pandas")
scores = {}
for name, one, training in (
    ("Dask", encoder, features),
    ("one machine", local, local.fit_transform(X_train, y_train)),
):
    booster = HistGradientBoostingRegressor(random_state=0).fit(training, y_train)
    scores[name] = r2_score(y_test, booster.predict(one.transform(X_test)))
print(pd.Series(scores, name="R² of a booster on test rows").round(3).to_string())
tables = [one.embeddings_["entity_0"] for one in (encoder, local)]
print(f"difference after the best rotation: {procrustes_residual(*tables):.3f}")

# %%
# The truth in both tables
# ------------------------
# The true effect of each category, against what is read off its vector.
truth = data.vectors["entity_0"]
figure, axes = plt.subplots(
    1, 2, figsize=(9, 4.4), sharex=True, sharey=True, layout="constrained"
)
for ax, name, table in zip(axes, scores, tables, strict=True):
    vectors = np.c_[np.ones(len(truth)), table.look_up(truth.index)]
    read_off = vectors @ np.linalg.lstsq(vectors, truth[0], rcond=None)[0]
    ax.scatter(read_off, truth[0], alpha=0.8)
    ax.axline((0, 0), slope=1, color="gray", linestyle=":")
    r2 = r2_score(truth[0], read_off)
    ax.set(xlabel="read off the vector", title=f"{name}: R² {r2:.3f}")
axes[0].set_ylabel("true effect of the category")
plt.show()
