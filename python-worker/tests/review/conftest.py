"""What tests of reviews share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from absgd_worker.review import applied


@pytest.fixture(autouse=True)
def _forgotten_reviews() -> Iterator[None]:
    """A process remembers its reviews for the runs that follow: those of another test are none of its own."""
    applied._applied.clear()
    yield
    applied._applied.clear()


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of runs of this test."""
    monkeypatch.setenv("ABSGD_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"
