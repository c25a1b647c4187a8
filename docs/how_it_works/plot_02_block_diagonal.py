"""
Several columns and numbers: a block-diagonal layer
===================================================

Every categorical column has a table of its own; the numbers stand beside the vectors.
Seen as one linear layer this is a block-diagonal matrix: a block a column, and ones for
the numbers, which pass through. This page writes that matrix down.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy.linalg import block_diag

from sk_entity import EntityEmbeddingEncoder

# %%
# Two categories and two numbers
# ------------------------------
rows = pd.DataFrame(
    {
        "city": ["Rome", "Oslo", "Bari", "Oslo"],
        "day": ["Mon", "Sat", "Sun", "Mon"],
        "temperature": [1.2, -0.8, 1.5, -0.3],
        "price": [0.4, 1.1, -0.6, 0.9],
    }
)
cities, days = ["Bari", "Oslo", "Rome"], ["Mon", "Sat", "Sun"]
rng = np.random.default_rng(0)
of_city, of_day = rng.normal(size=(3, 2)), rng.normal(size=(3, 1))

# %%
# The wide row and the matrix
# ---------------------------
# All columns in one row: a one for the city, a one for the day, and the numbers as they
# are. The matrix has the table of cities, the table of days, and the identity.
wide = np.hstack(
    [
        rows["city"].to_numpy()[:, None] == cities,
        rows["day"].to_numpy()[:, None] == days,
        rows[["temperature", "price"]],
    ]
).astype(float)
layer = block_diag(of_city, of_day, np.eye(2))
print(f"wide rows {wide.shape} x layer {layer.shape} = inputs {(wide @ layer).shape}")

# %%
# What a net does instead: look each column up, and join.
tables = [
    torch.nn.Embedding.from_pretrained(torch.tensor(t)) for t in (of_city, of_day)
]
codes = [
    torch.tensor(pd.Categorical(rows[c], v).codes.astype(int))
    for c, v in (("city", cities), ("day", days))
]
numbers = torch.tensor(rows[["temperature", "price"]].to_numpy())
joined = torch.cat(
    [table(code) for table, code in zip(tables, codes, strict=True)] + [numbers], 1
)
print("the same numbers:", np.allclose(joined, wide @ layer))


# %%
# The picture
# -----------
# The zeros outside the blocks are not learned: a city never touches the coordinates of
# a day. What both do together is left to the layers behind.
def show(ax, matrix, title, x_labels, y_labels, hidden=None):
    shown = np.ma.masked_array(matrix, mask=hidden)
    ax.set_facecolor("#eeeeee")
    ax.imshow(shown, cmap="RdBu_r", vmin=-2, vmax=2)
    for (i, j), number in np.ndenumerate(matrix):
        if hidden is None or not hidden[i, j]:
            text = f"{number:.1f}".replace(".0", "")
            color = "white" if abs(number) > 1.3 else "black"
            ax.text(j, i, text, ha="center", va="center", fontsize=8, color=color)
    ax.set_xticks(range(len(x_labels)), x_labels, rotation=90)
    ax.set_yticks(range(len(y_labels)), y_labels)
    ax.set_title(title)


inputs = [*cities, *days, "temperature", "price"]
outputs = ["city_00", "city_01", "day_00", "temperature", "price"]
outside = block_diag(*[np.ones_like(b) for b in (of_city, of_day, np.eye(2))]) == 0
names = [f"{c}, {d}" for c, d in zip(rows["city"], rows["day"], strict=True)]
figure, (left, middle, right) = plt.subplots(
    1, 3, figsize=(12, 5), width_ratios=[8, 5, 5], layout="constrained"
)
show(left, wide, "one wide row a row of data", inputs, names)
show(middle, layer, "times the block-diagonal layer", outputs, inputs, outside)
show(right, wide @ layer, "= what the net reads", outputs, names)
plt.show()

# %%
# How many weights that saves
# ---------------------------
# A dense first layer of 64 units on one-hot columns has a weight for each category and
# unit. Vectors come first, and only they grow with the categories. Here are 1,115
# shops, 7 days of the week, 12 months and 31 days of the month.
sizes, dims, n_numbers, units = np.array([1115, 7, 12, 31]), [8, 4, 4, 5], 2, 64
dense = (sizes.sum() + n_numbers) * units
embedded = (sizes * dims).sum() + (sum(dims) + n_numbers) * units
print(f"one-hot into {units} units: {dense:,} weights")
print(f"vectors into {units} units: {embedded:,} weights")

# %%
# What you get
# ------------
# The output has the same order of ideas: a column's coordinates side by side, and the
# numbers as they came. (Inside the net numbers are scaled; that does not show here.)
data = pd.concat([rows] * 50, ignore_index=True)
y = data["price"] + data["day"].eq("Sat") + rng.normal(0, 0.1, len(data))
encoder = EntityEmbeddingEncoder(
    embedding_dim={"city": 2, "day": 1},
    crosses=None,
    add_support=False,
    add_prediction=False,
    max_epochs=5,
    random_state=0,
).set_output(transform="pandas")
encoder.fit(data, y)
print(encoder.transform(rows).round(2).to_string(index=False))
