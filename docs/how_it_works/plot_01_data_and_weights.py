"""
How can data be updated? One-hot times a matrix
===============================================

"Training changes the embedding" sounds as if training changed the data. It does not.
The data are row numbers, which stand still; the embedding is a matrix of weights, which
learns. This page makes one step by hand, and looks at every number.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from sk_entity import EntityEmbeddingEncoder

# %%
# The data: five rows, three cities
# ---------------------------------
# A category is nothing but a choice. Its code says which row of the matrix is meant,
# and the one-hot row says the same with zeros and a one.
cities = pd.Series(["Rome", "Oslo", "Bari", "Oslo", "Rome"])
codes, values = pd.factorize(cities)
one_hot = np.eye(len(values))[codes]
print("values  ", list(values))
print("codes   ", codes)
print("one-hot\n", one_hot.astype(int))

# %%
# The weights: a row a city
# -------------------------
# Two numbers a city, drawn at random. The product of the one-hot rows and this matrix
# picks its rows. Nobody makes the product: taking row ``code`` gives the same numbers.
rng = np.random.default_rng(0)
before = rng.normal(size=(3, 2)).round(1)
print(pd.DataFrame(before, index=values))
print("one-hot @ weights == weights[codes]:", (one_hot @ before == before[codes]).all())

# %%
# One step of training
# --------------------
# What stands behind the vectors is a linear model here, with the weights (1, -1). The
# batch holds the first two rows: Rome and Oslo. torch's ``Embedding`` is the matrix.
table = torch.nn.Embedding.from_pretrained(torch.tensor(before), freeze=False)
batch, target = torch.tensor(codes[:2]), torch.tensor([3.0, 1.0])
prediction = table(batch) @ torch.tensor([1.0, -1.0], dtype=torch.float64)
loss = ((prediction - target) ** 2).mean()
loss.backward()
print(f"loss before the step: {loss.item():.3f}")
print("gradient of the weights\n", table.weight.grad.numpy().round(2))
with torch.no_grad():
    table.weight -= 0.2 * table.weight.grad
after = table.weight.detach().numpy()
print("weights after the step\n", after.round(2))
print("codes after the step:", codes, "(as before)")

# %%
# The gradient is that of any linear layer: the transposed one-hot rows times what came
# back from above. Bari is not in the batch, its column of the one-hot rows is zero, and
# so is its gradient.
residual = (prediction - target).detach().numpy()[:, None]
from_above = residual * [1.0, -1.0]  # twice the residual, over two rows, times weights
by_hand = one_hot[:2].T @ from_above
print("the same gradient by hand:", np.allclose(by_hand, table.weight.grad))


# %%
# The same in a picture
# ---------------------
# Left the data, which are alike above and below. In the middle the weights before and
# after the step: the rows of Rome and Oslo have changed. Right what the net reads:
# every row of the data that says "Oslo" has the new numbers, because it is the same
# weight.
def show(ax, numbers, rows, title, form="{:.1f}", changed=()):
    limit = 2.5
    ax.imshow(numbers, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="equal")
    for (i, j), number in np.ndenumerate(numbers):
        dark = abs(number) > 0.6 * limit
        color = "white" if dark else "black"
        ax.text(j, i, form.format(number), ha="center", va="center", color=color)
    for i in changed:
        outline = plt.Rectangle(
            (-0.5, i - 0.5), numbers.shape[1], 1, fill=False, ec="#009E73", lw=3
        )
        outline.set_clip_on(False)
        ax.add_patch(outline)
    ax.set_yticks(range(len(rows)), rows)
    ax.set_xticks([])
    ax.set_title(title, fontsize="medium")


figure, grid = plt.subplots(2, 3, figsize=(9, 7), layout="constrained")
for (left, middle, right), weights, when in zip(
    grid, (before, after), ("before the step", "after the step"), strict=True
):
    touched = () if weights is before else np.unique(codes[:2])
    of_rows = () if weights is before else np.flatnonzero(np.isin(codes, touched))
    show(left, one_hot, cities, f"one-hot rows, {when}", "{:.0f}")
    show(middle, weights, values, f"times the weights, {when}", changed=touched)
    show(
        right,
        one_hot @ weights,
        cities,
        f"= what the net reads, {when}",
        "{:.1f}",
        of_rows,
    )
plt.show()

# %%
# What you get
# ------------
# A fitted encoder has the codes and the weights apart, too: ``encode`` gives the row
# numbers, ``vectors`` is the matrix, ``look_up`` does both. Its row 0 is for unknown
# values.
X = pd.DataFrame({"city": list(cities) * 20})
y = np.array([3.0, 1.0, 2.0, 1.0, 3.0] * 20)
encoder = EntityEmbeddingEncoder(embedding_dim=2, random_state=0).fit(X, y)
learned = encoder.embeddings_["city"]
print(learned.to_frame().round(2))
print(
    "codes of the five rows:",
    learned.encode(cities),
    "of 'Kyiv':",
    learned.encode(["Kyiv"]),
)
rows = np.eye(len(learned.vectors), dtype="float32")[learned.encode(cities)]
print(
    "one-hot @ vectors == look_up:",
    (rows @ learned.vectors == learned.look_up(cities)).all(),
)
