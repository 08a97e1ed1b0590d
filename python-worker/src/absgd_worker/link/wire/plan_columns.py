"""Decodes the columns of a plan, and checks the range of every control."""

from __future__ import annotations

import math
import sys
from array import array

from absgd_worker.errors import ProtocolError


def read_column(name: str, data: bytes, count: int) -> array[float]:
    """The values of one control for `count` steps, or one value for all of them.

    Raises:
        ProtocolError: the bytes have another length, or a value is outside the control's range.
    """
    values = array("d")
    if len(data) not in (8, 8 * count):
        raise ProtocolError(f"Plan: column {name!r} has {len(data)} bytes, not 8 or {8 * count}")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    low, high = min(values), max(values)
    has_nan = any(map(math.isnan, values))
    if name == "lambda":
        fits, permitted = not has_nan and 0.0 not in values, "other than 0, ±infinity for off"
    elif name in _RANGES:
        test, permitted = _RANGES[name]
        fits = not has_nan and test(low) and test(high)
    else:
        fits, permitted = not has_nan, "numbers"
    if not fits:
        found = "NaN" if has_nan else f"{low} to {high}"
        raise ProtocolError(f"Plan: {name} must be {permitted}, not {found}")
    return values


_RANGES = {
    "gamma": (lambda value: 0 < value <= 1, "in (0, 1]"),
    "lr": (lambda value: 0 <= value < math.inf, "in [0, infinity)"),
    "momentum": (lambda value: 0 <= value < 1, "in [0, 1)"),
    "weight_decay": (lambda value: 0 <= value < math.inf, "in [0, infinity)"),
    "clip_norm": (lambda value: value > 0, "in (0, infinity]"),
    "class_balance": (lambda value: 0 <= value < 1, "in [0, 1)"),
}
