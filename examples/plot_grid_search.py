"""
Tune the encoder with GridSearchCV
==================================

Coordinates and the booster's leaves are tuned together: the encoder is a step of a
Pipeline, so every candidate learns its vectors from its own training rows. The picture
shows how the score depends on the coordinates, whose true number is known.
"""

# %%
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import make_entities

# %%
# Data whose truth is known
# -------------------------
# Every category of ``entity_0`` and ``entity_1`` has three numbers of its own: its
# effect, and its slopes on ``z_1`` and ``z_2``. A mean target would keep the first
# alone.
data = make_entities(3000, n_categories=(60, 30), dim=3, noise=0.3, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(
    data.X, data.y, test_size=0.25, random_state=0
)
print(X_train.head(3).round(2).to_string(index=False))

# %%
# The search
# ----------
# Parameters are reached by the names of the steps, as everywhere in scikit-learn.
# ``n_jobs=2`` gives the same bits as ``n_jobs=1``. Only vectors are output here, so
# that the score tells what is in them.
model = make_pipeline(
    EntityEmbeddingEncoder(
        crosses=None, add_prediction=False, max_epochs=10, random_state=0
    ),
    HistGradientBoostingRegressor(random_state=0),
)
search = GridSearchCV(
    model,
    {
        "entityembeddingencoder__embedding_dim": [1, 2, 3, 5],
        "histgradientboostingregressor__max_leaf_nodes": [8, 31],
    },
    cv=3,
    scoring="r2",
    n_jobs=2,
).fit(X_train, y_train)
for name, value in search.best_params_.items():
    print(f"{name}: {value}")
print(f"R² in the search {search.best_score_:.3f}, on test rows ", end="")
print(f"{search.score(X_test, y_test):.3f}")

# %%
# What the search found
# ---------------------
# Up to the three coordinates of the truth the score rises steeply. More than that still
# help these trees, which split on one coordinate at a time.
found = pd.DataFrame(search.cv_results_).rename(
    columns={
        "param_entityembeddingencoder__embedding_dim": "coordinates",
        "param_histgradientboostingregressor__max_leaf_nodes": "leaves",
    }
)
_, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for leaves, some in found.groupby("leaves"):
    ax.errorbar(
        some["coordinates"].astype(int),
        some["mean_test_score"],
        some["std_test_score"],
        fmt="o-",
        capsize=3,
        label=f"{leaves} leaves",
    )
ax.axvline(3, linestyle=":", color="gray", label="coordinates of the truth")
ax.set(xlabel="embedding_dim", ylabel="R² (mean and spread of three folds)")
ax.set_xticks([1, 2, 3, 5])
ax.legend(frameon=False)
plt.show()
