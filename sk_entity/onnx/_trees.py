"""Boosters behind the encoder: trees whose thresholds stay doubles.

skl2onnx's own converters round thresholds to float32, so that numbers that pass through
the encoder would take other branches than in Python; ONNX's trees know doubles.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sk_entity.onnx._graph import DOUBLE, FLOAT, Builder

_ML = "ai.onnx.ml"


@dataclass
class Trees:
    """The nodes of all trees, as ONNX lists them.

    Attributes
    ----------
    n_outputs : int
    nodes : list of tuple
        Of each node: tree, number, feature, threshold, true and false branch, and
        whether NaN takes the true one.
    leaves : list of tuple
        Of each leaf: tree, number, output, value.
    """

    n_outputs: int
    nodes: list[tuple[int, int, int, float, int, int, int]] = field(
        default_factory=list
    )
    leaves: list[tuple[int, int, int, float]] = field(default_factory=list)

    def add_to(self, build: Builder, features: str) -> str:
        """Add the sum of the trees, shape (n_rows, n_outputs), double."""
        from onnx import numpy_helper

        inner = self.nodes
        ends = [(tree, number, 0, 0.0, 0, 0, 0) for tree, number, _, _ in self.leaves]
        every = sorted([*inner, *ends])
        is_leaf = {(tree, number) for tree, number, _, _ in self.leaves}
        columns: list[Any] = [list(column) for column in zip(*every, strict=True)]
        modes = ["LEAF" if node[:2] in is_leaf else "BRANCH_LEQ" for node in every]
        leaves: list[Any] = [list(c) for c in zip(*sorted(self.leaves), strict=True)]
        given: dict[str, Any] = {
            "n_targets": self.n_outputs,
            "nodes_treeids": columns[0],
            "nodes_nodeids": columns[1],
            "nodes_featureids": columns[2],
            "nodes_values_as_tensor": numpy_helper.from_array(
                np.asarray(columns[3], dtype=np.float64), "values"
            ),
            "nodes_truenodeids": columns[4],
            "nodes_falsenodeids": columns[5],
            "nodes_missing_value_tracks_true": columns[6],
            "nodes_modes": modes,
            "target_treeids": leaves[0],
            "target_nodeids": leaves[1],
            "target_ids": leaves[2],
            "target_weights_as_tensor": numpy_helper.from_array(
                np.asarray(leaves[3], dtype=np.float64), "weights"
            ),
        }
        total = build.add("TreeEnsembleRegressor", features, domain=_ML, **given)
        return build.add("Cast", total, to=DOUBLE)


def trees_of_sklearn(booster: Any) -> tuple[Trees, str]:
    """Return the trees of a HistGradientBoosting model, and its link.

    Raises
    ------
    ValueError
        If it splits categories, which the encoder's features are not.
    """
    n_outputs = booster.n_trees_per_iteration_
    trees = Trees(n_outputs)
    for number, each in enumerate(each for row in booster._predictors for each in row):
        nodes = each.nodes
        if nodes["is_categorical"].any():
            raise ValueError(
                "The booster splits categories of its own: embed them in the encoder, "
                "or fit with categorical_features=None."
            )
        for i, node in enumerate(nodes.tolist()):
            node = dict(zip(nodes.dtype.names, node, strict=True))
            if node["is_leaf"]:
                trees.leaves.append((number, i, number % n_outputs, node["value"]))
                continue
            trees.nodes.append(
                (
                    number,
                    i,
                    int(node["feature_idx"]),
                    node["num_threshold"],
                    int(node["left"]),
                    int(node["right"]),
                    int(node["missing_go_to_left"]),
                )
            )
    if hasattr(booster, "classes_"):
        return trees, "logit" if n_outputs == 1 else "softmax"
    log = type(booster._loss.link).__name__ == "LogLink"
    return trees, "log" if log else "identity"


#: What LightGBM's objectives make of a sum of trees.
_LINKS = {
    "binary": "logit",
    "cross_entropy": "logit",
    "gamma": "log",
    "multiclass": "softmax",
    "poisson": "log",
    "tweedie": "log",
    "fair": "identity",
    "huber": "identity",
    "lambdarank": "identity",
    "mape": "identity",
    "quantile": "identity",
    "regression": "identity",
    "regression_l1": "identity",
}


def trees_of_lightgbm(booster: Any) -> tuple[Trees, str]:
    """Return the trees of a LightGBM model, and its link.

    Raises
    ------
    ValueError
        If it has splits or an objective that ONNX's trees do not know.
    """
    model = booster.booster_.dump_model()
    objective = str(model.get("objective", "")).split()
    link = _LINKS.get(objective[0] if objective else "")
    plain = [part for part in objective[1:] if part not in ("sigmoid:1", "sqrt")]
    plain = [part for part in plain if not part.startswith("num_class")]
    if link is None or plain or "sqrt" in objective or model["average_output"]:
        raise ValueError(
            f"LightGBM's objective {' '.join(objective)!r} cannot be exported. Those "
            f"of {sorted(_LINKS)} can, with their default settings, boosted."
        )
    n_outputs = model["num_tree_per_iteration"]
    trees = Trees(n_outputs)
    for number, info in enumerate(model["tree_info"]):
        for i, node in _numbered(info["tree_structure"]):
            if "leaf_value" in node:
                leaf = (number, i, number % n_outputs, node["leaf_value"])
                trees.leaves.append(leaf)
                continue
            trees.nodes.append((number, *_branch(i, node)))
    return trees, link


def _numbered(root: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give each node of a tree a number; children know theirs as ``number``."""
    waiting, last = [root], 0
    root["number"] = 0
    while waiting:
        node = waiting.pop()
        for side in ("left_child", "right_child"):
            if side in node:
                last += 1
                node[side]["number"] = last
                waiting.append(node[side])
        yield node["number"], node


def _branch(number: int, node: dict[str, Any]) -> tuple[int, int, float, int, int, int]:
    missing, threshold = node["missing_type"], float(node["threshold"])
    if node["decision_type"] != "<=" or missing == "Zero":
        raise ValueError(
            "The LightGBM model splits categories, or takes zeros for missing: fit it "
            "on the encoder's array, with zero_as_missing=False."
        )
    # Without missing values in training, LightGBM takes NaN for zero.
    left = node["default_left"] if missing == "NaN" else threshold >= 0
    children = node["left_child"]["number"], node["right_child"]["number"]
    return (number, node["split_feature"], threshold, *children, int(left))


def add_booster(build: Builder, booster: Any, features: str) -> tuple[str, str | None]:
    """Add a booster; return its prediction, or probabilities and labels.

    Returns
    -------
    values : str
        Shape (n_rows, 1), or (n_rows, n_classes), float.
    labels : str or None
        Shape (n_rows,).
    """
    if hasattr(booster, "booster_"):
        trees, link = trees_of_lightgbm(booster)
        raw = trees.add_to(build, features)
    else:
        trees, link = trees_of_sklearn(booster)
        start = np.asarray(booster._baseline_prediction, dtype=np.float64)
        raw = trees.add_to(build, features)
        raw = build.add("Add", raw, build.constant(start.reshape(1, -1)))
    classes = getattr(booster, "classes_", None)
    if classes is None:
        values = build.add("Exp", raw) if link == "log" else raw
        return build.add("Cast", values, to=FLOAT), None
    if link == "softmax":
        shares = build.add("Softmax", raw, axis=1)
    else:
        second = build.add("Sigmoid", raw)
        first = build.add("Sub", build.constant(np.ones((1, 1))), second)
        shares = build.add("Concat", first, second, axis=1)
    best = build.add("ArgMax", shares, axis=1, keepdims=0)
    labels = classes.astype(object if classes.dtype.kind in "OU" else np.int64)
    label = build.add("Gather", build.constant(labels), best, axis=0)
    return build.add("Cast", shares, to=FLOAT), label
