"""
Serving: how long does a request take?
======================================

A fitted encoder is saved in one file and loaded by ``InferenceEncoder``, which needs
neither PyTorch nor scikit-learn. The picture shows what one row costs, and what a
thousand do, for both. ``examples/serve.py`` puts a whole pipeline behind FastAPI.
"""

# %%
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import make_entities
from sk_entity.inference import InferenceEncoder

# %%
# Fit, save, load
# ---------------
data = make_entities(5000, n_categories=(30, 200, 1000), random_state=0)
encoder = EntityEmbeddingEncoder(max_epochs=5, random_state=0).fit(data.X, data.y)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "encoder.safetensors"
    encoder.save(path)
    print(f"one file of {path.stat().st_size / 1024:.0f} kB")
    served = InferenceEncoder.load(path)
same = served.transform(data.X) == encoder.transform(data.X)
print("the same features, to the bit:", same.all())


# %%
# Requests
# --------
# Each request is a frame of rows that have not been asked for yet.
def latencies(transform, n_rows, n_requests):
    """Return the microseconds of each request."""
    rng = np.random.default_rng(0)
    taken = []
    for _ in range(n_requests):
        frame = data.X.iloc[rng.integers(0, len(data.X), n_rows)]
        start = time.perf_counter()
        transform(frame)
        taken.append(1e6 * (time.perf_counter() - start))
    return np.array(taken)


ways = {
    "EntityEmbeddingEncoder": encoder.transform,
    "InferenceEncoder": served.transform,
}
found = {
    (name, n_rows): latencies(transform, n_rows, n_requests)
    for n_rows, n_requests in ((1, 1000), (1000, 100))
    for name, transform in ways.items()
}
table = pd.DataFrame(
    {key: np.quantile(taken, [0.5, 0.99]) for key, taken in found.items()},
    index=["median", "99th percentile"],
).T
table["a row, median"] = table["median"] / [n for _, n in table.index]
print("microseconds (they depend on the machine)")
print(table.round(1).to_string())

# %%
# One row and a thousand
# ----------------------
# A thousand rows at once cost far less than a thousand requests: collect rows where
# that is possible.
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for ax, n_rows in zip(axes, (1, 1000), strict=True):
    for name in ways:
        taken = np.sort(found[name, n_rows])
        ax.plot(taken, np.linspace(0, 100, len(taken)), label=name)
    ax.set(xscale="log", xlabel="microseconds", title=f"{n_rows:,} rows a request")
axes[0].set_title("one row a request")
axes[0].set_ylabel("% of requests that took no longer")
axes[0].legend(frameon=False)
for ax in axes:
    ax.grid(alpha=0.3)
    ax.tick_params(axis="x", which="minor", labelbottom=False)
plt.show()
