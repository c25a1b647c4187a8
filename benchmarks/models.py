"""The downstream models of the benchmarks, with one setting for all encoders."""

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

LIGHTGBM = {"n_estimators": 300, "learning_rate": 0.05, "num_leaves": 31}
#: More, smaller steps on random parts of rows and columns, with larger leaves.
LIGHTGBM_TUNED = {
    "n_estimators": 800,
    "learning_rate": 0.03,
    "num_leaves": 31,
    "min_child_samples": 50,
    "subsample": 0.8,
    "subsample_freq": 1,
    "colsample_bytree": 0.7,
}
HIST = {"max_iter": 300, "learning_rate": 0.05, "max_leaf_nodes": 31}
#: CatBoost chooses its learning rate from the number of trees and rows.
CATBOOST = {"iterations": 300}
MODELS = ("lightgbm", "lightgbm_tuned", "hist")
MOST_HIST_CATEGORIES = 254


def runs_on(model, encoder):
    """Whether a model is scored with an encoder: CatBoost encodes for itself."""
    return (model == "catboost") == (encoder == "catboost")


def fit_predict(model, native, task, seed, features, train, test_features):
    """Fit on the training features, return predictions for the test features.

    ``native`` is the number of leading columns that the model itself treats as
    categories.
    """
    weight = train.params.get("sample_weight")
    classify = task.kind in ("binary", "multiclass")
    options = {}
    if features.shape[1] == 0:
        fitted = DummyClassifier(strategy="prior") if classify else DummyRegressor()
    elif model == "catboost":
        fitted, options = (
            _catboost(task, seed, classify),
            {"cat_features": list(range(native))},
        )
        features, test_features = (_whole(x, native) for x in (features, test_features))
    elif model.startswith("lightgbm"):
        fitted = _lightgbm(model, task, seed, classify)
        if native:
            options["categorical_feature"] = list(range(native))
    else:
        fitted = _hist(task, seed, classify, features, native)
        features, test_features = (
            _few_categories(x, features, native) for x in (features, test_features)
        )
    fitted.fit(features, train.y, sample_weight=weight, **options)
    return (fitted.predict_proba if classify else fitted.predict)(test_features)


def _lightgbm(model, task, seed, classify):
    setting = LIGHTGBM_TUNED if model == "lightgbm_tuned" else LIGHTGBM
    if task.kind == "poisson":
        setting = setting | {"objective": "poisson"}
    booster = LGBMClassifier if classify else LGBMRegressor
    return booster(**setting, random_state=seed, n_jobs=1, verbose=-1)


def _hist(task, seed, classify, features, native):
    setting = HIST | {"random_state": seed}
    if task.kind == "poisson":
        setting["loss"] = "poisson"
    if native:
        setting["categorical_features"] = list(range(native))
    booster = (
        HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    )
    return booster(**setting)


def _catboost(task, seed, classify):
    from catboost import CatBoostClassifier, CatBoostRegressor

    setting = CATBOOST | {
        "random_seed": seed,
        "thread_count": 1,
        "verbose": False,
        "allow_writing_files": False,
    }
    if task.kind == "poisson":
        setting["loss_function"] = "Poisson"
    booster = CatBoostClassifier if classify else CatBoostRegressor
    return booster(**setting)


def _whole(features, native):
    """Category codes as integers, which CatBoost asks for."""
    frame = pd.DataFrame(features)
    return frame.astype(dict.fromkeys(range(native), int))


def _few_categories(features, training_features, native):
    """Keep the most frequent categories, as many as HistGradientBoosting takes."""
    if not native:
        return features
    features = features.copy()
    for j in range(native):
        values, counts = np.unique(training_features[:, j], return_counts=True)
        kept = values[np.argsort(-counts, kind="stable")[:MOST_HIST_CATEGORIES]]
        rank = {value: float(i) for i, value in enumerate(kept)}
        features[:, j] = [rank.get(value, np.nan) for value in features[:, j]]
    return features
