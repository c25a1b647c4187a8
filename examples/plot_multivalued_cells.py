"""
Cells of several values: genres of films
========================================

The column ``genres`` holds strings such as ``Comedy|Crime``. As one category each, they
are hundreds of combinations, most of them rare. With ``multivalued`` the encoder learns
a vector a genre, and a cell is the mean of its genres: new combinations are no
surprise.
"""

# %%
import matplotlib.pyplot as plt
import pandas as pd
from lightgbm import LGBMRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupShuffleSplit

from sk_entity import EntityEmbeddingEncoder
from sk_entity.datasets import load_movielens
from sk_entity.plotting import EmbeddingMapDisplay

# %%
# New films
# ---------
# A fifth of the films is held out with all ratings: what is known of such a film is its
# genres and its year, never its name. The user is the other category.
data = load_movielens()
few = data.X.sample(40_000, random_state=0).index
X, y, film = data.X.loc[few], data.y[few], data.X.loc[few, "film"]
X = X[["user", "genres", "year"]]
split = GroupShuffleSplit(1, test_size=0.2, random_state=0)
train, test = next(split.split(X, y, groups=film))
combinations = X["genres"].iloc[train]
print(f"{combinations.nunique()} combinations of ", end="")
print(f"{combinations.str.split('|').explode().nunique()} genres")
seen = X["genres"].iloc[test].isin(combinations.unique())
print(f"test rows whose combination is new: {100 * (1 - seen.mean()):.1f} %")

# %%
# One vector a combination, or one a genre
# ----------------------------------------
# ``groups`` keeps the ratings of a film in one fold: training rows learn from other
# films only, as test rows do.
scores, fitted = {}, {}
ways = {"one category a combination": None, "several values a cell": {"genres": "|"}}
for name, multivalued in ways.items():
    encoder = EntityEmbeddingEncoder(
        multivalued=multivalued, max_epochs=15, random_state=0
    ).set_output(transform="pandas")
    features = encoder.fit_transform(X.iloc[train], y[train])
    model = LGBMRegressor(n_estimators=100, learning_rate=0.05, n_jobs=1, verbose=-1)
    model.fit(features, y[train])
    predicted = model.predict(encoder.transform(X.iloc[test]))
    fitted[name] = encoder
    new = ~seen.to_numpy()
    scores[name] = {
        "all test rows": r2_score(y[test], predicted),
        "new combinations": r2_score(y[test][new], predicted[new]),
    }
print(pd.DataFrame(scores).T.round(3).to_string())

# %%
# A cell is the mean of its values
# --------------------------------
genres = fitted["several values a cell"].embeddings_["genres"]
print(genres.look_up(["Comedy", "Crime"]).mean(axis=0).round(3))
new_cell = X.iloc[test[:1]].assign(genres="Comedy|Crime")
print(fitted["several values a cell"].transform(new_cell).filter(like="genres_"))

# %%
# The map of genres
# -----------------
# Vectors say what a genre does to ratings, for whom; not what its films are about.
ratings = pd.DataFrame({"genre": combinations.str.split("|"), "mean rating": y[train]})
mean = ratings.explode("genre").groupby("genre")["mean rating"].mean()
EmbeddingMapDisplay.from_encoder(genres, "genres", color_by=mean)
plt.show()
