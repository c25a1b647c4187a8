"""
Dask: from a folder of Parquet files to one pipeline
====================================================

``DaskEntityEmbeddingEncoder`` learns from partitions where they lie, LightGBM's Dask
interface learns from its features, and what comes out is a pipeline of plain estimators
in a file. Here the cluster is one worker in this process; a real one has a worker a
machine.
"""

# %%
# A folder of Parquet files
# -------------------------
import tempfile
import warnings
from pathlib import Path

import dask.dataframe as dd
import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from distributed import Client
from lightgbm import DaskLGBMRegressor, LGBMRegressor
from sklearn.pipeline import make_pipeline

from sk_entity import EntityEmbeddingEncoder
from sk_entity.dask import DaskEntityEmbeddingEncoder
from sk_entity.datasets import make_entities

folder = Path(tempfile.mkdtemp())
data = make_entities(8000, n_categories=(100, 30), noise=0.3, random_state=0)
train, test = np.split(np.arange(8000), [6000])
for k, part in enumerate(np.split(train, 4)):
    some = data.X.iloc[part].assign(y=data.y[part])
    some.to_parquet(folder / f"part_{k}.parquet")
print(*sorted(path.name for path in folder.iterdir()))

# %%
# Fit, features, booster
# ----------------------
# ``fit_transform`` learns at once. The features of the training rows, cross-fitted, are
# a lazy frame with the partitions of the files, and go into the booster as they are: no
# row leaves the workers. Rows are persisted for LightGBM's sake: of files, Dask joins
# partitions where few columns are wanted, here those of the target alone.
settings = {"crosses": None, "max_epochs": 15, "random_state": 0}
trees = {"n_estimators": 100, "random_state": 0, "verbose": -1}
names = list(data.X)
with Client(processes=False, n_workers=1, dashboard_address=":0") as client:
    rows = dd.read_parquet(folder).persist()
    encoder = DaskEntityEmbeddingEncoder(**settings, client=client)
    features = encoder.fit_transform(rows[names], rows["y"])
    booster = DaskLGBMRegressor(**trees, client=client)
    with warnings.catch_warnings():
        # It says so of its own default.
        warnings.filterwarnings("ignore", "Parameter n_jobs will be ignored")
        booster.fit(features, rows["y"])
    print("partitions of the features:", features.npartitions)

# %%
# One pipeline of plain estimators
# --------------------------------
# The cluster is closed. The pipeline is written, read again as another process would
# read it, and predicts.
encoder = encoder.to_local().set_output(transform="pandas")
joblib.dump(make_pipeline(encoder, booster.to_local()), folder / "model.joblib")
model = joblib.load(folder / "model.joblib")
print(model.predict(data.X.iloc[test[:3]]).round(2))

# %%
# Beside one machine
# ------------------
# Folds are drawn in another way, so vectors are as good, not the same.
local = EntityEmbeddingEncoder(**settings).set_output(transform="pandas")
alone = make_pipeline(local, LGBMRegressor(**trees, n_jobs=1))
alone.fit(data.X.iloc[train], data.y[train])
models = {"Dask": model, "one machine": alone}
scores = {
    name: one.score(data.X.iloc[test], data.y[test]) for name, one in models.items()
}
print(pd.Series(scores, name="R² on test rows").round(3).to_string())

# %%
# The truth in both tables
# ------------------------
# The true effect of each category, against what is read off its vector.
truth = data.vectors["entity_0"]
figure, axes = plt.subplots(
    1, 2, figsize=(9, 4.4), sharex=True, sharey=True, layout="constrained"
)
for ax, (name, one) in zip(axes, models.items(), strict=True):
    table = one[0].embeddings_["entity_0"]
    vectors = np.c_[np.ones(len(truth)), table.look_up(truth.index)]
    read_off = vectors @ np.linalg.lstsq(vectors, truth[0], rcond=None)[0]
    r2 = np.corrcoef(read_off, truth[0])[0, 1] ** 2
    ax.scatter(read_off, truth[0], alpha=0.8)
    ax.axline((0, 0), slope=1, color="gray", linestyle=":")
    ax.set(xlabel="read off the vector", title=f"{name}: R² {r2:.3f}")
axes[0].set_ylabel("true effect of the category")
plt.show()
