"""
The map of states
=================

Guo and Berkhahn (2016) showed the vectors of Germany's states beside the map of
Germany. Here a state's vector has two coordinates, learned from how sales deviate from
each shop's mean, and from school holidays, week by week. How much geography is that?
Single fits differ, so the map is that of the mean distances of several.

With ``--data FOLDER`` (where ``rossmann.parquet`` is: Kaggle's "Rossmann Store
Sales" with the states of the shops) the sales are real. Without it they are generated:
weekly effects that are alike in states that are near each other.
"""

# %%
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.spatial import procrustes
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr
from sklearn.metrics.pairwise import haversine_distances

from sk_entity import EntityEmbeddingEncoder
from sk_entity.plotting import EmbeddingMapDisplay

parser = argparse.ArgumentParser(description="The map of states")
parser.add_argument("--data", type=Path, help="folder with rossmann.parquet")
parser.add_argument("--fits", type=int, default=3, help="how many to average")
options = parser.parse_args()

#: Latitude and longitude of the capitals; the data has no shops in the other states,
#: and one code for Bremen and Lower Saxony, of which Hanover is the larger's capital.
CAPITALS = {
    "SH": ("Schleswig-Holstein", 54.32, 10.14, "north"),
    "HH": ("Hamburg", 53.55, 9.99, "north"),
    "HB,NI": ("Lower Saxony, Bremen", 52.37, 9.73, "north"),
    "BE": ("Berlin", 52.52, 13.40, "east"),
    "ST": ("Saxony-Anhalt", 52.13, 11.63, "east"),
    "SN": ("Saxony", 51.05, 13.74, "east"),
    "TH": ("Thuringia", 50.98, 11.03, "east"),
    "NW": ("North Rhine-Westphalia", 51.23, 6.78, "west"),
    "HE": ("Hesse", 50.08, 8.24, "west"),
    "RP": ("Rhineland-Palatinate", 50.00, 8.27, "west"),
    "BW": ("Baden-Württemberg", 48.78, 9.18, "south"),
    "BY": ("Bavaria", 48.14, 11.58, "south"),
}
STATES = pd.DataFrame.from_dict(
    CAPITALS, orient="index", columns=["name", "latitude", "longitude", "region"]
)
KILOMETRES = 6371 * haversine_distances(
    np.radians(STATES[["latitude", "longitude"]].to_numpy())
)


# %%
def rossmann(folder):
    """Return states and weeks; and sales less the shop's mean, and school holidays."""
    data = pd.read_parquet(folder / "rossmann.parquet").query("Sales > 0")
    sales = np.log(data["Sales"])
    deviation = sales - sales.groupby(data["Store"]).transform("mean")
    y = {"sales": deviation / deviation.std(), "school": 1.0 * data["SchoolHoliday"]}
    return data[["State", "Year", "WeekOfYear"]], pd.DataFrame(y)


def generated(n_weeks=100, n_shops=8):
    """Return the same of made-up shops: near states have similar weeks."""
    rng = np.random.default_rng(0)
    alike = np.exp(-((KILOMETRES / 400) ** 2))
    weekly = rng.multivariate_normal(np.zeros(len(STATES)), alike, size=n_weeks)
    week, state, _ = np.indices((n_weeks, len(STATES), n_shops)).reshape(3, -1)
    X = pd.DataFrame({"State": STATES.index[state], "WeekOfYear": week.astype(str)})
    effect = weekly[week, state]
    sales = effect + rng.normal(size=len(X))
    return X, pd.DataFrame({"sales": sales, "school": 1.0 * (effect > 1)})


X, y = generated() if options.data is None else rossmann(options.data)


# %%
# ``cv=None``: the map is of all rows, no features of training rows are wanted.
def learn(seed):
    encoder = EntityEmbeddingEncoder(
        embedding_dim={"State": 2}, cv=None, random_state=seed
    )
    return encoder.fit(X, y).embeddings_["State"]


def rank_correlation(distances):
    """Return that of distances between vectors and between capitals."""
    return spearmanr(distances, squareform(KILOMETRES, checks=False)).statistic


tables = [learn(seed) for seed in range(20, 20 + options.fits)]
distances = [pdist(table.look_up(STATES.index)) for table in tables]
distances = [one / one.mean() for one in distances]
mean = np.mean(distances, axis=0)
source = "generated sales" if options.data is None else "Rossmann"
single = np.mean([rank_correlation(one) for one in distances])
print(f"{source}: rank correlation of distances with kilometres between capitals")
print(f"  single fits, mean of {options.fits}: {single:.2f}")
print(f"  their mean distances: {rank_correlation(mean):.2f}")
means = y["sales"].groupby([X[name] for name in X]).mean().unstack("State").dropna()
means = means.sub(means.mean(axis=1), axis=0)[STATES.index]
print(f"  distances of weekly mean sales: {rank_correlation(pdist(means.T)):.2f}")
square = squareform(mean)
np.fill_diagonal(square, np.inf)
region = STATES["region"].to_numpy()
share = np.mean(region[square.argmin(axis=1)] == region)
print(f"  states whose nearest neighbour is of the same region: {share:.2f}")

# %%
# Two dimensions of the mean distances (classical scaling). A map of vectors has no
# north: it is turned (and mirrored) towards the capitals.
center = np.eye(len(STATES)) - 1 / len(STATES)
sizes, axes = np.linalg.eigh(-0.5 * center @ squareform(mean) ** 2 @ center)
points = axes[:, -2:] * np.sqrt(sizes[-2:])
capitals = STATES[["longitude", "latitude"]].to_numpy() * [np.cos(np.radians(51)), 1]
_, turned, _ = procrustes(capitals, points)
table = tables[0]
frame = pd.DataFrame(turned, columns=["x", "y"], index=STATES["name"])
frame["count"] = table.to_frame().loc[STATES.index, "count"].to_numpy()
frame["color"] = STATES["region"].to_numpy()
places = STATES.set_index("name").rename(columns={"longitude": "x", "latitude": "y"})
# Labels are placed for axes that keep their size.
figure, axes = plt.subplots(1, 2, figsize=(12, 6))
figure.subplots_adjust(0.06, 0.09, 0.99, 0.94, wspace=0.14)
for ax, shown, title in zip(
    axes,
    (frame.assign(x=places["x"], y=places["y"]), frame),
    ("capitals", f"vectors, learned from {source}"),
    strict=True,
):
    display = EmbeddingMapDisplay(
        shown, table=table, axis_labels=("west to east", "south to north")
    )
    ax.set_box_aspect(1)
    display.plot(ax)
    ax.set_title(title)
plt.show()
