"""Scalars and dtypes go into a file and come back as what they were."""

import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sk_entity._files import values
from sk_entity.exceptions import SavedFileError

SCALARS = [
    *(None, True, 3, "three", 0.1, np.inf, -np.inf),
    *(np.int64(3), np.float64(0.1), np.str_("x"), np.bool_(True)),
    *(Decimal("1.10"), b"\x00\xff", Path("a") / "b"),
    *(pd.Timestamp("2020-01-02 03:04"), pd.Timedelta("1 day")),
    *(datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3, 4)),
]


@pytest.mark.parametrize("value", SCALARS, ids=repr)
def test_scalars_come_back(value):
    packed = values.pack_scalar(value)
    if isinstance(packed, dict):
        ((tag, inside),) = packed.items()
        back = values.unpack_scalar(tag, inside)
    else:
        back = packed
    assert back == value
    plain = value.item() if isinstance(value, np.generic) else value
    assert type(back) is type(plain) or isinstance(value, (Path, str))


@pytest.mark.parametrize("value", [pd.NA, pd.NaT, np.nan])
def test_what_is_missing_comes_back(value):
    ((tag, inside),) = values.pack_scalar(value).items()
    back = values.unpack_scalar(tag, inside)
    assert back is value or (back != back and value is np.nan)


@pytest.mark.parametrize("value", [object(), {1}, pd.Timestamp("2020", tz="UTC")])
def test_what_a_file_cannot_hold_is_told(value):
    with pytest.raises(values.NotPlain, match="cannot hold"):
        values.pack_scalar(value)


@pytest.mark.parametrize("name", [3, "exec('x')", "decimal128(99, 2)[pyarrow]"])
def test_no_dtype_is_refused(name):
    with pytest.raises(SavedFileError, match="dtype"):
        values.unpack_dtype(name)
