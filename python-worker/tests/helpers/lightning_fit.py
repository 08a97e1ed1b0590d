"""A small Lightning module, and its fit."""

from __future__ import annotations

import pytest

L = pytest.importorskip("lightning")
