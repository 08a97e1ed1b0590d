"""What docs/results.md says of a moving λ, by carry_over.py: the carry-over is worth its name."""

from __future__ import annotations

import runpy

import pytest

from project import ROOT

BENCH = runpy.run_path(str(ROOT / "bench" / "python" / "carry_over.py"))


@pytest.fixture(scope="module")
def rows():
    return BENCH["measured"](BENCH["TAME"])


def test_log_u_is_five_times_nearer_to_the_exact_average_than_with_u_kept_as_a_number(rows):
    assert len(rows) == 12
    for row in rows:
        assert min(BENCH["ratio"](row.number, row.carried)) >= 5, row


def test_below_zero_and_on_average_it_is_five_times_nearer_than_with_the_free_energy_kept(rows):
    for row in rows:
        times = BENCH["ratio"](row.free_energy, row.carried)
        assert (times.mean if row.sign > 0 else min(times)) >= 5, row


def test_at_a_lambda_that_stays_the_estimate_is_the_exact_average():
    losses = BENCH["batches"](BENCH["TAME"], 32, 0)
    lams = [0.7] * len(losses)
    found, held = BENCH["followed"]("carried", losses, lams, 0.1)
    assert held == 0
    assert (found - BENCH["exact"](losses, lams, 0.1)).abs().max() < 1e-12
