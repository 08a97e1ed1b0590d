"""Numbers in the sentences of recipes."""

from __future__ import annotations

import math

from absgd_worker.schedules import format_number


def shown(value: float) -> str:
    """With two significant digits."""
    return format_number(float(f"{value:.2g}"))


def percent(share: float) -> str:
    """In whole percent."""
    return f"{math.floor(100 * share + 0.5)} %"
