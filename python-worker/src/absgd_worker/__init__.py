"""The PyTorch side of ABSGD: what a task may import.

Importing this package imports torch and nothing heavier: only the served loop loads sockets and messages.
"""

from __future__ import annotations

from absgd_worker import losses
from absgd_worker.context import Context
from absgd_worker.errors import TaskError
from absgd_worker.task import Evaluated, Task
from absgd_worker.version import VERSION as __version__

__all__ = ["Context", "Evaluated", "Task", "TaskError", "__version__", "losses"]
