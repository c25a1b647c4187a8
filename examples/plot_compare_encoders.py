"""
Is it worth it? All encoders under your own model
=================================================

``compare_encoders`` scores every encoder under your own model, on your own folds, and
gives differences with intervals. Here: ratings of films under LightGBM. Then SHAP
values are sent back from the output columns to the columns that went in.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from lightgbm import LGBMRegressor

from sk_entity import EntityEmbeddingEncoder, compare_encoders
from sk_entity.datasets import load_movielens
from sk_entity.inspection import input_importances
from sk_entity.plotting import EncoderComparisonDisplay

# %%
# The comparison
# --------------
# ``"default"`` takes ten encoders: those of scikit-learn, category-encoders and skrub,
# LightGBM's own treatment of categories, none, and this one. An encoder that fails is
# reported and stops nothing.
data = load_movielens()
rows = np.random.default_rng(0).permutation(len(data.X))[:8_000]
X, y = data.X.iloc[rows].reset_index(drop=True), data.y[rows]
model = LGBMRegressor(n_estimators=100, learning_rate=0.05, n_jobs=1, verbose=-1)
comparison = compare_encoders(
    model, X, y, "default", cv=3, scoring="r2", random_state=0
)
print(comparison)

# %%
# Differences to the reference
# ----------------------------
# Folds share training rows, so that plain intervals would be too short; these are
# corrected (Nadeau and Bengio, 2003). An interval that holds zero says that the folds
# do not tell which of the two is better.
EncoderComparisonDisplay.from_comparison(comparison)
plt.show()

# %%
# Which input did it?
# -------------------
# LightGBM has importances of output columns: coordinates, supports, crosses and the
# prediction. ``input_importances`` sends them back. The sums stay what they were.
encoder = EntityEmbeddingEncoder(random_state=0).set_output(transform="pandas")
features = encoder.fit_transform(X, y)
fitted = model.fit(features, y)
shap = fitted.predict(features, pred_contrib=True)[:, :-1]
of_output = dict(zip(features, np.abs(shap).mean(axis=0), strict=True))
of_input = input_importances(encoder, shap, X).abs().mean()
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
order = sorted(of_output, key=of_output.get)
left.barh(order, [of_output[name] for name in order])
left.set(title="output columns", xlabel="mean |SHAP value|")
of_input = of_input.sort_values()
right.barh(of_input.index, of_input, color="#D55E00")
right.set(title="input columns", xlabel="mean |SHAP value|")
plt.show()
print(of_input.round(3).to_string())
