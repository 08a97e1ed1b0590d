"""What the tests of the rule of weights share."""

from __future__ import annotations

import pytest

from absgd_worker.weights import arithmetic


@pytest.fixture(params=["floats", "tensors", "device"])
def on_device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Each of the three computations of the rule: small batches on the CPU, others, and on a device."""
    if request.param == "tensors":
        monkeypatch.setattr(arithmetic, "MOST_IN_FLOATS", 0)
    return request.param == "device"
