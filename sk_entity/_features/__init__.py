"""Codes -> features: vectors, and what stands beside them."""

from sk_entity._features.ablation import Ablation
from sk_entity._features.crosses import named_crosses
from sk_entity._features.curves import TargetCurve
from sk_entity._features.extras import Extras, learn_extras
from sk_entity._features.folds import Folds
from sk_entity._features.lookup import ByFold, Lookup, look_up
from sk_entity._features.naming import feature_groups
from sk_entity._features.prediction import Predictor
from sk_entity._features.scaling import NumericScaler, Scaling
from sk_entity._features.statistics import Evidence
from sk_entity._features.worth import worth_of_columns

__all__ = [
    "Ablation",
    "ByFold",
    "Evidence",
    "Extras",
    "Folds",
    "Lookup",
    "NumericScaler",
    "Predictor",
    "Scaling",
    "TargetCurve",
    "feature_groups",
    "learn_extras",
    "look_up",
    "named_crosses",
    "worth_of_columns",
]
