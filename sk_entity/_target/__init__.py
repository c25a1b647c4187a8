"""What is learned of a target: its kind, its loss, its units."""

from sk_entity._target.checks import Target, check_target
from sk_entity._target.hidden import hidden_cells, hidden_objective
from sk_entity._target.objective import Goal, Objective, Units
from sk_entity._target.reading import objective_of, read_objective, wants_numbers
from sk_entity._target.units import constant_outputs, find_units, row_balance, to_net

__all__ = [
    "Goal",
    "Objective",
    "Target",
    "Units",
    "check_target",
    "constant_outputs",
    "find_units",
    "hidden_cells",
    "hidden_objective",
    "objective_of",
    "read_objective",
    "row_balance",
    "to_net",
    "wants_numbers",
]
