"""Numbers of golden vectors, and how they are compared."""

from __future__ import annotations

import math
from typing import Any


def close(actual: float, expected: float) -> bool:
    """1e-12 relative; values below 1e-3, differences of larger ones, are allowed their rounding."""
    if math.isnan(expected) or math.isinf(expected):
        return math.isnan(actual) if math.isnan(expected) else actual == expected
    return math.isclose(actual, expected, rel_tol=1e-12, abs_tol=1e-15)


def numbers(value: Any) -> Any:
    """The file with "nan", "inf" and "-inf" as floats again."""
    if isinstance(value, dict):
        return {
            key: entry if key in ("name", "dtype", "preset") else numbers(entry)
            for key, entry in value.items()
        }
    if isinstance(value, list):
        return [numbers(entry) for entry in value]
    return float(value)
