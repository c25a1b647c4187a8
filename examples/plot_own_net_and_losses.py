"""
A net and losses of your own
============================

Ratings of films by users. Vectors are learned under nets of several widths and under a
torch module of one's own, and LightGBM sees nothing but them: does a wider net give
better vectors? Then the loss changes: a quantile, and a torch loss written here.
"""

# %%
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

data = load_movielens()
keep = np.random.default_rng(0).permutation(len(data.X))[:20_000]
X_train, X_test, y_train, y_test = train_test_split(
    data.X.iloc[keep], data.y[keep], test_size=0.25, random_state=0
)


# %%
# A net of one's own
# ------------------
# ``net`` takes a class, or a function, of the numbers of inputs and outputs.
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


# %%
# The vectors alone: what a net leaves in them, not what it predicts itself. A wide net
# takes longer, and its vectors are no better.
nets = {
    "linear (no hidden layer)": (),
    "narrow (16)": (16,),
    "default (64, 32)": (64, 32),
    "wide (256, 128)": (256, 128),
    "own: residual block": Residual,
}
only_vectors = {
    "crosses": None,
    "add_support": False,
    "add_prediction": False,
    "remainder": "drop",
    "max_epochs": 12,
    "random_state": 0,
}
rows, histories = {}, {}
for name, net in nets.items():
    encoder = EntityEmbeddingEncoder(net=net, **only_vectors)
    encoder.set_output(transform="pandas")
    features = encoder.fit_transform(X_train, y_train)
    model = LGBMRegressor(n_estimators=200, learning_rate=0.05, n_jobs=1, verbose=-1)
    model.fit(features, y_train)
    found = model.predict(encoder.transform(X_test))
    histories[name] = encoder.history_
    rows[name] = {
        "R² of LightGBM": r2_score(y_test, found),
        "seconds of training": encoder.history_["dur"].sum(),
    }
print(pd.DataFrame(rows).T.round(3).to_string())

# %%
# Losses
# ------
# ``Quantile(0.9)`` asks for what nine ratings of ten stay below. A torch loss of one
# value a row does as well: the 80 % expectile weighs errors below the target four times
# as much as those above.


class Expectile(torch.nn.Module):
    """Squared errors, those of predictions that are too low weighed more."""

    def __init__(self, level=0.8):
        super().__init__()
        self.level = level

    def forward(self, prediction, target):
        error = target - prediction
        weight = torch.where(error > 0, self.level, 1 - self.level)
        return weight * error**2


losses = {
    "squared error": "squared_error",
    "90 % quantile": Quantile(0.9),
    "own: 80 % expectile": Expectile(),
}
predicted = {}
for name, loss in losses.items():
    encoder = EntityEmbeddingEncoder(
        loss=loss, add_prediction=True, crosses=None, max_epochs=12, random_state=0
    ).set_output(transform="pandas")
    predicted[name] = encoder.fit(X_train, y_train).transform(X_test)["prediction"]
summary = {
    name: {"mean prediction": p.mean(), "ratings below": (y_test <= p).mean()}
    for name, p in predicted.items()
}
print(pd.DataFrame(summary).T.round(2).to_string())

# %%
# Training curves, and what the losses predict
# --------------------------------------------
# Left: the loss on out-of-fold vectors by epoch; curves that still fall ask for more
# epochs. Right: predictions of test rows.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
styles = ["-", "--", "-.", ":", (0, (1, 3))]
for (name, history), line in zip(histories.items(), styles, strict=True):
    left.plot(history["epoch"], history["train_loss"], ls=line, label=name)
left.set(xlabel="epoch", ylabel="loss on out-of-fold vectors")
left.legend(frameon=False)
for name, values in predicted.items():
    right.hist(values, bins=60, histtype="step", lw=1.8, label=name)
right.set(xlabel="predicted rating", ylabel="test rows")
right.legend(frameon=False, loc="upper left")
plt.show()
