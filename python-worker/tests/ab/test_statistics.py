"""What paired differences say."""

from __future__ import annotations

import pytest

from absgd_worker.ab.statistics import mean_and_deviation, t_quantile, verdict


@pytest.mark.parametrize(
    ("degrees", "quantile"),
    [(1, 12.7062), (2, 4.30265), (3, 3.18245), (4, 2.77645), (9, 2.26216), (29, 2.04523), (100, 1.98397)],
)
def test_the_quantile_of_students_t_is_that_of_tables(degrees, quantile):
    assert t_quantile(degrees) == pytest.approx(quantile, abs=1e-4)


@pytest.mark.parametrize(
    ("gains", "words"),
    [
        ([0.05, 0.06, 0.055], "helps"),
        ([-0.05, -0.06, -0.055], "hurts"),
        ([0.001, -0.001, 0.0005, -0.0004], "makes no difference that matters (0.005)"),
        ([0.05, -0.01, 0.04], "cannot tell yet: about 6 more seeds"),
        ([0.05], "cannot tell yet: 2 more seeds at least"),
        ([0.05, 0.05], "cannot tell yet: 1 more seed at least"),
        ([0.02, 0.02, 0.02], "helps"),
    ],
)
def test_a_verdict_is_in_words(gains, words):
    assert verdict(gains, 0.005).words == words


def test_the_interval_is_that_of_the_mean():
    found = verdict([1.0, 2.0, 3.0, 4.0], 0.1)
    mean, deviation = mean_and_deviation([1.0, 2.0, 3.0, 4.0])
    half = 3.18245 * deviation / 2
    assert (found.mean, found.low, found.high) == pytest.approx((mean, mean - half, mean + half), abs=1e-4)
