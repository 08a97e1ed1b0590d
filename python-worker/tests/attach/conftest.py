"""What the tests of attached loops share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where sessions of this test record their runs."""
    monkeypatch.setenv("ABSGD_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture(autouse=True)
def forgotten_compilations() -> Iterator[None]:
    """A process that has compiled anything keeps captures on the stack. Each test begins without."""
    yield
    compiler = sys.modules.get("torch._dynamo.eval_frame")
    if compiler is not None and any(map(callable, compiler.cached_backends.values())):
        torch.compiler.reset()
