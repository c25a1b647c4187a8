"""
Which rows of the table learn from a batch?
===========================================

Only those whose categories are in it. This page trains a table of twelve shops in
batches of four rows, draws it after each step, and shows what follows for rare
categories, and for optimizers with a memory.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from sk_entity import EntityEmbeddingEncoder

# %%
# Twelve shops, one number each
# -----------------------------
# The true effects run from -1.1 to 1.1. The first shops are frequent, the last are
# rare.
n_shops, batch_size = 12, 4
rng = np.random.default_rng(3)
truth = rng.permutation(np.linspace(-1.1, 1.1, n_shops))
chances = 1 / np.arange(1, n_shops + 1)
shop = rng.choice(n_shops, size=400, p=chances / chances.sum())
y = truth[shop] + rng.normal(0, 0.1, len(shop))


def train(optimizer, **settings):
    """Return the table after each step, and the shops of each batch."""
    table = torch.nn.Embedding(n_shops, 1)
    torch.nn.init.zeros_(table.weight)
    steps = optimizer(table.parameters(), **settings)
    states, batches = [np.zeros(n_shops)], []
    for start in range(0, len(shop), batch_size):
        codes = shop[start : start + batch_size]
        wanted = torch.tensor(y[start : start + batch_size], dtype=torch.float32)
        steps.zero_grad()
        ((table(torch.tensor(codes))[:, 0] - wanted) ** 2).mean().backward()
        steps.step()
        states.append(table.weight.detach().numpy()[:, 0].copy())
        batches.append(codes)
    return np.array(states), batches


states, batches = train(torch.optim.SGD, lr=0.6)

# %%
# A strip of pictures
# -------------------
# Each column is the table after a step; outlined are the shops of the batch. All other
# rows stand still. On the right: the truth.
n_shown = 12
figure, (strip, right) = plt.subplots(
    1,
    2,
    figsize=(10, 4.6),
    width_ratios=[n_shown + 1, 1],
    sharey=True,
    layout="constrained",
)
style = {"cmap": "RdBu_r", "vmin": -1.3, "vmax": 1.3, "aspect": "auto"}
drawn = strip.imshow(states[: n_shown + 1].T, **style)
for step, codes in enumerate(batches[:n_shown], start=1):
    for code in np.unique(codes):
        box = plt.Rectangle((step - 0.5, code - 0.5), 1, 1, fill=False, lw=2)
        strip.add_patch(box)
strip.set(xlabel="step", xticks=range(n_shown + 1), title="the table, step by step")
strip.set_yticks(
    range(n_shops),
    [f"shop {i}: {n} rows" for i, n in enumerate(np.bincount(shop, minlength=n_shops))],
)
right.imshow(truth[:, None], **style)
right.set(xticks=[], title="truth")
figure.colorbar(drawn, ax=[strip, right], label="weight of the shop")
still = [
    np.array_equal(
        np.flatnonzero(states[i] != states[i - 1]), np.unique(batches[i - 1])
    )
    for i in range(1, n_shown + 1)
]
print(f"steps in which just the shops of the batch moved: {sum(still)} of {n_shown}")
plt.show()

# %%
# Rare rows learn late
# --------------------
# A shop makes as many steps as there are batches that hold it. After twelve batches:
error = np.abs(states[n_shown] - truth)
steps = [sum(code in batch for batch in batches[:n_shown]) for code in range(n_shops)]
learned = pd.DataFrame({"steps": steps, "error": error.round(2)})
learned["error at the start"] = np.abs(truth).round(2)
print(learned.rename_axis("shop").to_string())

# %%
# An optimizer with a memory
# --------------------------
# Adam remembers earlier gradients, so a row goes on moving for some steps after its
# batch. The encoder's own Adam does the same arithmetic: for columns with very many
# categories it makes up for missed steps when a row is needed again, so that a step
# need not touch a million rows.
adam, adam_batches = train(torch.optim.Adam, lr=0.05)
moved = np.mean(
    [
        (adam[i] != adam[i - 1]).sum() / len(np.unique(adam_batches[i - 1]))
        for i in range(20, 60)
    ]
)
print(f"rows that move a step, over rows of the batch: SGD 1.0, Adam {moved:.1f}")

# %%
# What you get
# ------------
# In an encoder, a category's vector is the unknown vector plus a deviation that starts
# at zero. What few rows say does not carry it far; with more rows it moves to its
# place.
encoder = EntityEmbeddingEncoder(
    embedding_dim=1, crosses=None, cv=None, random_state=0
).fit(pd.DataFrame({"shop": [f"shop {i}" for i in shop]}), y)
table = encoder.embeddings_["shop"].to_frame()
table["distance from unknown"] = (
    table["shop_00"] - encoder.embeddings_["shop"].unknown[0]
).abs()
table["true effect"] = truth[table.index.str.removeprefix("shop ").astype(int)]
print(table.sort_values("count", ascending=False).round(2).to_string())
