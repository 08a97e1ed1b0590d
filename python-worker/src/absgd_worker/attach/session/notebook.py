"""The running cell of a notebook."""

from __future__ import annotations

import sys
from typing import Any


def running_cell() -> int | None:
    """The number of the running cell; None outside of IPython."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return None if shell is None else shell.execution_count
