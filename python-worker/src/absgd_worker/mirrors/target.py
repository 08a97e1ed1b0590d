"""What a mirror writes to: one of the tools, with the package that the user has installed."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any, Protocol

from absgd_worker.errors import WorkerError
from absgd_worker.mirrors.events import Numbers, Text


class MirrorError(WorkerError):
    """A mirror that cannot be written."""


class Target(Protocol):
    """A tool. Methods may raise what the package raises: the mirror then leaves the tool out."""

    def open(self, manifest: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        """Begins the run there, or goes on with it.

        Args:
            known: what this method returned for the run before; empty the first time.

        Returns:
            What identifies the run there, as JSON values; `url` or `folder` say where to look.
        """
        ...

    def attempt(self, number: int, step: int) -> None:
        """Steps from `step` on replace what was written."""
        ...

    def numbers(self, numbers: Numbers) -> None:
        """Writes numbers."""
        ...

    def text(self, text: Text) -> None:
        """Writes an edit."""
        ...

    def close(self, status: str, final: dict[str, float]) -> None:
        """The run has ended; the status is empty if it goes on without the mirror."""
        ...


PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}
"""The package of each target, which is also what pip calls it."""


def require_packages(names: list[str]) -> None:
    """Checks names and packages without importing any.

    Raises:
        MirrorError: there is no such target, or its package is not installed.
    """
    for name in names:
        package = PACKAGES.get(name)
        if package is None:
            raise MirrorError(f"there is no mirror {name!r}: use one of {', '.join(PACKAGES)}")
        spec = find_spec(package)
        # A folder of that name, such as the one that wandb writes to, is no package.
        if spec is None or spec.origin is None:
            raise MirrorError(
                f"the mirror {name} needs the package {package}, which {sys.executable} lacks: "
                f"pip install {package}"
            )
