from __future__ import annotations

from itertools import combinations, product

import pytest

from pairwise import pairwise


@pytest.mark.parametrize("sizes", [(2, 2), (3, 2, 2), (2, 2, 2, 2), (4, 3, 5, 2)])
def test_every_two_values_of_different_factors_meet_in_a_row(sizes: tuple[int, ...]) -> None:
    factors = [[f"{name}{value}" for value in range(size)] for name, size in enumerate(sizes)]
    rows = pairwise(*factors)
    for one, other in combinations(range(len(factors)), 2):
        assert {(row[one], row[other]) for row in rows} == set(product(factors[one], factors[other]))
    longest, second, *_ = sorted(sizes, reverse=True)
    assert longest * second <= len(rows) <= longest * second + 4
    assert rows == pairwise(*factors)
