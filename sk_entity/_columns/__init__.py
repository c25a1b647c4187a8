"""Containers -> typed columns: what a cell is, whatever frame and dtype holds it."""

from sk_entity._columns.containers import read_frame, read_series
from sk_entity._columns.conversion import Known, conform
from sk_entity._columns.files import parse_keys, read_keyed_file
from sk_entity._columns.header import Header
from sk_entity._columns.keys import Keys, factorize, hashed, place_of, places
from sk_entity._columns.kinds import NUMBERS, ColumnType, Kind, read_type
from sk_entity._columns.labels import read_labels
from sk_entity._columns.numbers import exact_floats, for_booster
from sk_entity._columns.schema import Schema, read_numbers, read_schema

__all__ = [
    "NUMBERS",
    "ColumnType",
    "Header",
    "Keys",
    "Kind",
    "Known",
    "Schema",
    "conform",
    "exact_floats",
    "factorize",
    "for_booster",
    "hashed",
    "parse_keys",
    "place_of",
    "places",
    "read_frame",
    "read_keyed_file",
    "read_labels",
    "read_numbers",
    "read_schema",
    "read_series",
    "read_type",
]
