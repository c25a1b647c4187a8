"""Run published tables with their own folds, and print both figures side by side.

``quality.py --published CLONES`` calls it; `published_sets.py` says what is read.
Beside the published figures stand, on the same rows:

- ``catboost`` and ``native`` (LightGBM with categories): the published parameters of
  the fold, run again. They show whether the protocol here is the published one;
- TargetEncoder, with and without counts, and this package's encoder, under LightGBM.
  The rows that the protocol sets aside choose one of three numbers of leaves and the
  number of trees; the published searches were wider (135 combinations; 50 steps of
  hyperopt).
"""

import time
import warnings
from types import SimpleNamespace

import lightgbm as lgb
import numpy as np
import pandas as pd
from encoders import make_encoder
from joblib import Parallel, delayed
from published_sets import NotThere, read_sets
from report import to_markdown
from tqdm import tqdm

ENCODERS = ["catboost", "native", "target", "target_counts", "embedding"]
#: What published methods are called, by what runs them here.
RUN_AGAIN = {
    "catboost": ("catboost", "Default CatBoost"),
    "native": ("boost_cat",),
}
LEAVES = (7, 31, 127)
MOST_TREES, PATIENCE = 2000, 30
LIGHTGBM = {
    "learning_rate": 0.05,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "num_threads": 1,
    "verbosity": -1,
}
KEYS = ["data", "encoder", "fold"]


def run(published, fold, encoder_name):
    """Score one encoder on one fold; return a row of the results."""
    warnings.filterwarnings("ignore", module="sklearn|lightgbm|category_encoders|skrub")
    rows, seed = published.part(), published.seed(fold)
    train, test = map(rows.take, published.split(fold, len(rows.y)))
    key = {"data": published.name, "encoder": encoder_name, "fold": fold}
    task = SimpleNamespace(kind=published.kind, categorical=published.categorical)
    start = time.perf_counter()
    encoder = make_encoder(encoder_name, task, train, seed)
    features = np.asarray(encoder.fit_transform(train.X, train.y), dtype=float)
    test_features = np.asarray(encoder.transform(test.X), dtype=float)
    encoded = time.perf_counter()
    try:
        if encoder_name in RUN_AGAIN:
            fitted = _published_model(published, fold, encoder_name, features, train.y)
        else:
            fitted = _tuned_model(published, fold, features, train.y)
    except NotThere as reason:
        return key | {"note": str(reason)}
    predicted = fitted(test_features)
    return key | {
        "error": published.error(test.y, predicted),
        "features": features.shape[1],
        "encoder_seconds": encoded - start,
        "model_seconds": time.perf_counter() - encoded,
    }


def _published_model(published, fold, name, features, y):
    """Fit CatBoost or LightGBM as published; return what predicts."""
    n_columns = len(published.categorical)
    which = "catboost" if name == "catboost" else "boost_cat"
    parameters = published.parameters(which, fold)
    classify, seed = published.kind == "binary", published.seed(fold)
    if name == "native":
        booster = lgb.LGBMClassifier if classify else lgb.LGBMRegressor
        model = booster(**parameters, random_state=seed, n_jobs=1, verbose=-1)
        model.fit(features, y, categorical_feature=list(range(n_columns)))
        return model.predict
    from catboost import CatBoostClassifier, CatBoostRegressor

    booster = CatBoostClassifier if classify else CatBoostRegressor
    quiet = {"verbose": False, "allow_writing_files": False, "thread_count": 1}
    model = booster(**parameters, random_seed=seed, **quiet)
    columns = list(range(n_columns))
    model.fit(_whole(features, columns), y, cat_features=columns)
    predict = model.predict_proba if classify else model.predict

    def probability(test_features):
        found = predict(_whole(test_features, columns))
        return found[:, 1] if classify else found

    return probability


def _whole(features, columns):
    """Category codes as integers, which CatBoost asks for."""
    return pd.DataFrame(features).astype(dict.fromkeys(columns, int))


def _tuned_model(published, fold, features, y):
    """Fit LightGBM with the leaves and trees that the protocol's rows choose."""
    binary = published.kind == "binary"
    shared = LIGHTGBM | {
        "objective": "binary" if binary else "regression",
        "seed": published.seed(fold),
    }
    data = lgb.Dataset(features, y, free_raw_data=False)
    folds = published.validation(fold, y)
    best_error = np.inf
    for leaves in LEAVES:
        setting = shared | {"num_leaves": leaves}
        stop = lgb.early_stopping(PATIENCE, verbose=False)
        found = lgb.cv(setting, data, MOST_TREES, folds=folds, callbacks=[stop])
        errors = next(curve for name, curve in found.items() if name.endswith("-mean"))
        if min(errors) < best_error:
            best_error, best = min(errors), (setting, int(np.argmin(errors)) + 1)
    return lgb.train(best[0], data, best[1]).predict


def execute(options, sets):
    """Run what the CSV does not hold yet; return all rows."""
    done = pd.read_csv(options.csv) if options.csv.exists() else pd.DataFrame()
    finished = set(done[KEYS].itertuples(index=False, name=None)) if len(done) else ()
    jobs = [
        (published, fold, encoder)
        for published in sets
        for fold in published.folds[: options.folds]
        for encoder in options.encoders
        if (published.name, encoder, fold) not in finished
    ]
    parallel = Parallel(n_jobs=options.jobs, return_as="generator_unordered")
    for row in tqdm(parallel(delayed(run)(*job) for job in jobs), total=len(jobs)):
        done = pd.concat([done, pd.DataFrame([row])], ignore_index=True)
        done.to_csv(options.csv, index=False)
    return done


def table(published, results, folds):
    """Errors, published and run here, means over the same folds; the best first."""
    own = results[(results["data"] == published.name) & results["fold"].isin(folds)]
    by_encoder = own.groupby("encoder")["error"]
    complete = by_encoder.count() == len(folds)  # the published means are of all folds
    here, spread = by_encoder.mean()[complete], by_encoder.std()
    rows = {}
    for method, figures in published.figures.items():
        mean = np.mean([figures[fold] for fold in folds])
        rows[f"{method} (published)"] = {"published": mean, "here": np.nan}
    for encoder, error in here.items():
        again = [m for m in RUN_AGAIN.get(encoder, ()) if m in published.figures]
        name = f"{again[0]} (published)" if again else f"{encoder} + LightGBM"
        rows.setdefault(name, {"published": np.nan})["here"] = error
        rows[name]["std"] = spread[encoder]
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame = frame.reindex(columns=["published", "here", "std"])
    order = frame[["published", "here"]].min(axis=1).sort_values(kind="stable").index
    return frame.loc[order]


def _text(value, digits):
    return "-" if np.isnan(value) else f"{value:.{digits}f}"


def run_published(options):
    """Run and report; the entry of ``quality.py --published``."""
    options.encoders = list(options.encoders or ENCODERS)
    if "target" not in options.encoders:  # the bar stands beside whatever is asked for
        options.encoders.append("target")
    sets, reasons = read_sets(options.published, options.data, options.tasks)
    results = execute(options, sets)
    results = results[results["encoder"].isin(options.encoders)]
    parts = []
    for published in sets:
        folds = list(published.folds[: options.folds])
        found = table(published, results, folds)
        digits = 5 if found["published"].min() < 0.05 else 4
        cells = found.map(_text, digits=digits)
        what = "seeds" if published.name == "amazon" else "folds"
        parts.append(
            f"### {published.table}: {published.name}, {published.metric} (less is "
            f"better), {len(folds)} of {len(published.folds)} {what}\n\n"
            f"{to_markdown(cells, 'method')}\n"
        )
    if reasons:
        lines = [f"- {name}: {reason}" for name, reason in reasons.items()]
        parts.append("Not run:\n" + "\n".join(lines) + "\n")
    text = "\n".join(parts)
    options.csv.with_suffix(".md").write_text(text)
    print(text)
