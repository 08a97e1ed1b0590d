"""Which cell of a notebook runs."""

from __future__ import annotations

import sys
from typing import Any


def running_cell() -> int | None:
    """Its number; None outside of IPython."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return None if shell is None else shell.execution_count
