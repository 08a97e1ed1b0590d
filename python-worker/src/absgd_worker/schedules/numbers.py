"""Numbers as text, in the same words as TypeScript."""

from __future__ import annotations

import math


def format_number(value: float) -> str:
    """The shortest decimal that reads as the same float64, as JavaScript's `String(value)` writes it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    digits, exponent = _digits(abs(value))
    # The point stands behind the first `point` digits.
    point = exponent + 1
    if 0 < point <= 21:
        whole = digits[:point].ljust(point, "0")
        return f"{sign}{whole}.{digits[point:]}" if len(digits) > point else f"{sign}{whole}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{'+' if exponent > 0 else '-'}{abs(exponent)}"


def _digits(value: float) -> tuple[str, int]:
    """The shortest digits of a positive number, without zeros at the end, and the exponent of the first."""
    shortest = repr(value)
    mantissa, _, exponent = shortest.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole + fraction) - len(digits)
    power = len(whole) - 1 - leading + int(exponent or 0)
    return digits.rstrip("0") or "0", power


def is_step_count(value: float) -> bool:
    """Whether it is a whole number from 0 that float64 holds exactly."""
    return 0 <= value <= 2**53 - 1 and value == math.floor(value)


def lower(a: float, b: float) -> float:
    """The lower of two numbers; -0 is below 0, unlike in `min`."""
    if a == b:
        return a if math.copysign(1, a) < 0 else b
    return min(a, b)


def higher(a: float, b: float) -> float:
    """The higher of two numbers; 0 is above -0, unlike in `max`."""
    if a == b:
        return b if math.copysign(1, a) < 0 else a
    return max(a, b)


def sign_of(value: float) -> float:
    """-1, 0 or 1; NaN for NaN."""
    return math.nan if math.isnan(value) else float((value > 0) - (value < 0))
