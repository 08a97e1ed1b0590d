"""Modules that only the tests which need them import, though every process of a test run reads all tests."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest


class lazily:
    """The module of this name, which is imported when something of it is first used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        # pytest asks everything in a file of tests for these.
        if attribute.startswith(("_", "pytest")):
            raise AttributeError(attribute)
        return getattr(import_module(self._name), attribute)


def needs(package: str) -> pytest.MarkDecorator:
    """Skips a test where this package is not installed, and imports nothing."""
    return pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed")
