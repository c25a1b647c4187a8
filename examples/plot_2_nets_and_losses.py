"""
Which net, which loss?
======================

Ratings of films by users. Vectors are learned under a narrow net, a wide one and one
with a residual block, and LightGBM sees nothing but them: does a wider net give better
vectors? Then the targets change: a quantile, and two targets at once. The picture shows
the training curves.
"""

# %%
import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from lightgbm import LGBMRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import load_movielens
from sk_entity.losses import Quantile


class Residual(torch.nn.Module):
    """A layer, a block that adds to what passes it, and the output."""

    def __init__(self, n_inputs, n_outputs, width=64):
        super().__init__()
        self.enter = torch.nn.Linear(n_inputs, width)
        self.block = torch.nn.Sequential(
            torch.nn.ReLU(), torch.nn.Linear(width, width), torch.nn.ReLU()
        )
        self.leave = torch.nn.Linear(width, n_outputs)

    def forward(self, x):
        hidden = self.enter(x)
        return self.leave(hidden + self.block(hidden))


NETS = {
    "linear (no hidden layer)": (),
    "narrow (16)": (16,),
    "default (64, 32)": (64, 32),
    "wide (512, 256)": (512, 256),
    "residual block of 64": Residual,
}

# %%
parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
parser.add_argument("--save", default="nets.png", help="where to save the picture")
parser.add_argument("--rows", type=int, default=20_000)
parser.add_argument("--seeds", type=int, default=2)
parser.add_argument("--epochs", type=int, default=25)
options = parser.parse_args()

# %%
# The vectors alone: what a net leaves in them, not what it predicts itself.
data = load_movielens()
keep = np.random.default_rng(0).permutation(len(data.X))[: options.rows]
X, y = data.X.iloc[keep], data.y[keep]
only_vectors = {
    "crosses": None,
    "add_support": False,
    "add_prediction": False,
    "remainder": "drop",
    "max_epochs": options.epochs,
}
scores, histories = {name: [] for name in NETS}, {}
for seed in range(options.seeds):
    parts = train_test_split(X, y, test_size=0.25, random_state=seed)
    X_train, X_test, y_train, y_test = parts
    for name, net in NETS.items():
        encoder = EntityEmbeddingEncoder(net=net, random_state=seed, **only_vectors)
        features = encoder.fit_transform(X_train, y_train)
        model = LGBMRegressor(
            n_estimators=300, learning_rate=0.05, verbose=-1, random_state=seed
        ).fit(features, y_train)
        found = model.predict(encoder.transform(X_test))
        scores[name].append(r2_score(y_test, found))
        histories[name] = encoder.history_
table = pd.DataFrame(scores).T
print("R² of LightGBM on the vectors alone, mean and range of the seeds")
for name, row in table.iterrows():
    print(f"  {name:26s} {row.mean():.3f}  ({row.min():.3f} .. {row.max():.3f})")

# %%
# Another loss: nine ratings of ten are below the prediction.
upper = EntityEmbeddingEncoder(loss=Quantile(0.9), max_epochs=5, random_state=0)
upper.set_output(transform="pandas")
below = (y_train <= upper.fit_transform(X_train, y_train)["prediction"]).mean()
print(f"ratings up to the predicted 90 % quantile, out of fold: {below:.2f}")

# %%
# Two targets, of which one is known for half of the rows only.
targets = pd.DataFrame({"rating": y_train, "high": np.where(y_train > 3, "yes", "no")})
targets.loc[::2, "rating"] = np.nan
both = EntityEmbeddingEncoder(max_epochs=5, random_state=0)
both.set_output(transform="pandas")
out = both.fit_transform(X_train, targets)
holes = targets["rating"].isna().to_numpy()
r2 = r2_score(y_train[holes], out["prediction_rating"][holes])
print(f"R² on ratings that were hidden, out of fold: {r2:.3f}")

# %%
# Out-of-fold loss by epoch: curves that still fall ask for more epochs.
styles = ["-", "--", "-.", ":", (0, (1, 3))]
path = Path(options.save)
for style, end in (("default", ""), ("dark_background", "_dark")):
    with plt.style.context(style):
        figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
        for (name, history), line in zip(histories.items(), styles, strict=True):
            axis.plot(history["epoch"], history["train_loss"], ls=line, label=name)
        axis.set(xlabel="epoch", ylabel="loss on out-of-fold vectors")
        axis.legend(frameon=False)
        figure.savefig(path.with_stem(path.stem + end), dpi=80)
