"""exp, log and cos(πx) from additions, multiplications and divisions of float64 alone.

Those of C libraries and of JavaScript engines differ in the last bit, also between versions. These are the
same operations in the same order as `src/schedule/elementary.ts`, so that a schedule has the same bits in
both languages. Accurate within about one unit in the last place.
"""

from __future__ import annotations

import math


def exp(x: float) -> float:
    """e^x; inf above 709.78, 0 below -745.2."""
    if math.isnan(x):
        return x
    if x > MOST_EXPONENT:
        return math.inf
    if x < LEAST_EXPONENT:
        return 0.0
    # x = k·log 2 + r with |r| ≤ log(2)/2.
    k = math.floor(x * PER_LOG_2 + 0.5)
    high = x - k * LOG_2_HIGH
    low = k * LOG_2_LOW
    r = high - low
    # e^r = 1 + r + r²·(1/2! + r/3! + …)
    tail = 0.0
    for factor in EXP_TERMS:
        tail = tail * r + factor
    rest = (high - r) - low
    y = 1.0 + (r + (rest + r * r * tail))
    if k < -1021:
        return y * power_of_two(k + 1021) * power_of_two(-1021)
    if k > 1023:
        return y * 2.0 * power_of_two(k - 1)
    return y * power_of_two(k)


def log(x: float) -> float:
    """The natural logarithm of x ≥ 0; -inf for 0, NaN below."""
    if math.isnan(x) or x < 0:
        return math.nan
    if x == 0:
        return -math.inf
    if x == math.inf:
        return math.inf
    # x = m·2^e with m in [√½, √2).
    m, e = math.frexp(x)
    if m < ROOT_HALF:
        m, e = m * 2.0, e - 1
    # log m = 2·artanh(s) with s = f/(2 + f): f - f²/2 + s·(f²/2 + s²·(2/3 + s²·2/5 + …))
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    tail = 0.0
    for factor in LOG_TERMS:
        tail = tail * z + factor
    half = 0.5 * f * f
    small = s * (half + z * tail)
    return e * LOG_2_HIGH - ((half - (small + e * LOG_2_LOW)) - f)


def cos_pi(x: float) -> float:
    """cos(πx) for x in [0, 1]."""
    if x > 0.5:
        return -cos_pi(1.0 - x)
    if x == 0.5:
        return 0.0
    if x > 0.25:
        return _sine(PI * (0.5 - x))
    return _cosine(PI * x)


def power_of_two(k: int) -> float:
    """2^k, exact, for k from -1022 to 1023."""
    return math.ldexp(1.0, k)


def _cosine(t: float) -> float:
    """For |t| ≤ π/4."""
    z = t * t
    tail = 0.0
    for factor in COSINE_TERMS:
        tail = tail * z + factor
    return 1.0 - (0.5 * z - z * z * tail)


def _sine(t: float) -> float:
    """For |t| ≤ π/4."""
    z = t * t
    tail = 0.0
    for factor in SINE_TERMS:
        tail = tail * z + factor
    return t + t * (z * tail)


MOST_EXPONENT = 709.782712893384
LEAST_EXPONENT = -745.1332191019412
PER_LOG_2 = 1.4426950408889634
LOG_2_HIGH = 0.6931471803691238
"""log 2 to 33 bits, so that its product with a whole number below 2^11 is exact."""
LOG_2_LOW = 1.9082149292705877e-10
ROOT_HALF = 0.7071067811865476
PI = 3.141592653589793

EXP_TERMS = tuple(1.0 / math.factorial(n) for n in range(14, 1, -1))
"""1/n!, from the highest power to the lowest: 14! and below are exact in float64."""
LOG_TERMS = tuple(2.0 / n for n in range(25, 1, -2))
COSINE_TERMS = tuple((1.0 if n % 4 == 0 else -1.0) / math.factorial(n) for n in range(18, 3, -2))
SINE_TERMS = tuple((1.0 if n % 4 == 1 else -1.0) / math.factorial(n) for n in range(17, 2, -2))
