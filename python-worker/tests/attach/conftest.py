"""What the tests of attached loops share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where sessions of this test record their runs."""
    monkeypatch.setenv("ABSGD_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"
