"""The errors and warnings of sk-entity, each also a standard Python one."""

__all__ = [
    "CategoryError",
    "CellTypeError",
    "ColumnError",
    "ColumnTypeWarning",
    "DistributedFitError",
    "DivergenceError",
    "FoldError",
    "FreeTextWarning",
    "ManyFoldsWarning",
    "NoCategoricalColumnsWarning",
    "NotSavableError",
    "OrderedRowsWarning",
    "PretrainedWarning",
    "RoundedIdentifiersWarning",
    "SavedFileError",
    "SilentColumnsWarning",
    "SkEntityError",
    "TargetTypeWarning",
    "UnknownCategoriesWarning",
    "UnknownCategoryError",
]


class SkEntityError(Exception):
    """Base class of every error that sk-entity raises by a name of its own."""


class ColumnError(SkEntityError, ValueError):
    """A column choice, name or dtype that the encoder cannot work with."""


class CellTypeError(SkEntityError, TypeError):
    """A categorical cell that holds a container instead of one value."""


class CategoryError(SkEntityError, ValueError):
    """An unknown or missing category where the caller asked for an error."""


class UnknownCategoryError(CategoryError, KeyError):
    """A category that a table does not know."""

    __str__ = Exception.__str__  # a KeyError's shows the message in quotes


class FoldError(SkEntityError, ValueError):
    """Folds that hold a training row out more than once, or not from its own table."""


class DivergenceError(SkEntityError, ValueError):
    """Training whose loss became infinite or NaN."""


class SavedFileError(SkEntityError, ValueError):
    """A file that is damaged, or that this version did not write and cannot read."""


class NotSavableError(SkEntityError, ValueError):
    """State that a file without code cannot hold: nets, functions, odd values."""


class DistributedFitError(SkEntityError, RuntimeError):
    """A fit on a cluster whose workers died, or lost each other."""


class NoCategoricalColumnsWarning(UserWarning):
    """No categorical column was found: the encoder has nothing to learn."""


class ManyFoldsWarning(UserWarning):
    """There are so many folds that a fit is slow and large."""


class FreeTextWarning(UserWarning):
    """A column holds texts that are nearly all different."""


class SilentColumnsWarning(UserWarning):
    """No column says anything of the target, so that no vectors are output."""


class OrderedRowsWarning(UserWarning):
    """Rows depend on their order, and folds are drawn at random."""


class PretrainedWarning(UserWarning):
    """Some categories have no pretrained vector."""


class ColumnTypeWarning(UserWarning):
    """Cells are unknown because they are of another type than those of fit."""


class UnknownCategoriesWarning(UserWarning):
    """Cells hold values that training did not show."""


class TargetTypeWarning(UserWarning):
    """Class labels look like numbers or dates."""


class RoundedIdentifiersWarning(UserWarning):
    """Floats that may be whole numbers which float64 has rounded."""
