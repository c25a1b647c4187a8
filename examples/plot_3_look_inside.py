"""
Look inside
===========

What did the encoder learn, how far can it be trusted, and is it worth it under your own
model? Ratings of films: neighbours of a film, a map, measures between two seeds,
importances summed by input column, and all encoders compared under one model.
"""

# %%
import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor

from sk_entity import EntityEmbeddingEncoder, compare_encoders
from sk_entity.datasets import load_movielens
from sk_entity.inspection import (
    effective_rank,
    input_importances,
    map_trustworthiness,
    neighbour_overlap,
    probe_score,
    procrustes_residual,
)
from sk_entity.plotting import (
    EmbeddingMapDisplay,
    EncoderComparisonDisplay,
    TrainingCurveDisplay,
)

parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
parser.add_argument("--save", default="inside", help="prefix of the pictures")
parser.add_argument("--rows", type=int, default=30_000)
parser.add_argument("--epochs", type=int, default=15)
options = parser.parse_args()

# %%
data = load_movielens()
rows = np.random.default_rng(0).permutation(len(data.X))[: options.rows]
X, y = data.X.iloc[rows].reset_index(drop=True), data.y[rows]
wide = {"embedding_dim": {"film": 4}, "max_epochs": options.epochs}
encoder = EntityEmbeddingEncoder(**wide, random_state=0)
features = encoder.set_output(transform="pandas").fit_transform(X, y)
films = encoder.embeddings_["film"]
favourite = films.to_frame()["count"].idxmax()
print(f"Nearest to {favourite}:")
print(films.nearest(favourite, k=5).round(3).to_string())

# %%
# Two seeds should tell the same story. Rare films hardly have one: their vectors stay
# near that of unknown films, and ``spread`` says how far folds disagree about them.
again = EntityEmbeddingEncoder(**wide, random_state=1).fit(X, y)
users, other = encoder.embeddings_["user"], again.embeddings_["user"]
print(f"coordinates in use: {effective_rank(users):.2f} of {users.dim}")
overlap = neighbour_overlap(users, other)
chance = 10 / (len(users) - 1)
print(f"neighbours that two seeds share: {overlap:.2f} (by chance: {chance:.2f})")
residual = procrustes_residual(users, other)
print(f"difference of two seeds after the best rotation: {residual:.2f}")
generosity = pd.Series(y).groupby(X["user"]).mean()
print(f"mean rating read off a user's vector: R² {probe_score(users, generosity):.2f}")

# %%
# SHAP values (LightGBM computes them itself), sent back to the input columns.
model = LGBMRegressor(n_estimators=200, verbose=-1, random_state=0).fit(features, y)
shap = model.predict(features, pred_contrib=True)[:, :-1]
print("mean |SHAP value| of each input column:")
for name, values in input_importances(encoder, shap, X).items():
    print(f"  {name:12s} {values.abs().mean():.3f}")

# %%
# Every encoder under the same model and the same folds.
comparison = compare_encoders(
    LGBMRegressor(n_estimators=200, verbose=-1), X, y, cv=3, scoring="r2"
)
print(comparison)

# %%
# Pictures, on light and on dark; and a map for the browser, where the film under the
# pointer shows its neighbours.
spread = films.to_frame(spread=True)["spread"]
for style, end in (("default", ""), ("dark_background", "_dark")):
    with plt.style.context(style):
        pictures = {
            "map": EmbeddingMapDisplay.from_encoder(
                encoder, "film", highlight=favourite, color_by=spread
            ),
            "curve": TrainingCurveDisplay.from_encoder(encoder),
            "comparison": EncoderComparisonDisplay.from_comparison(comparison),
        }
        for name, display in pictures.items():
            display.figure_.savefig(f"{options.save}_{name}{end}.png", dpi=80)
        plt.close("all")
film_map = pictures["map"]
trust = map_trustworthiness(films, film_map.frame[["x", "y"]])
print(f"trustworthiness of the map of films: {trust:.2f}")
film_map.to_html(f"{options.save}_map.html")
