"""Refuses training in a process that the process of a session has started: lambda has no effect in it.

A spawned process executes the text of this file. It may never import torch, so this file imports the standard
library alone.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

OPTIMIZERS = "torch.optim.optimizer"


def refuse_training(how: str) -> None:
    """From here on, a step of a torch optimizer raises SessionError, unless this process has entered its own
    session. `how`: what started the process, for the message."""
    module = sys.modules.get(OPTIMIZERS)
    if module is not None and hasattr(module, "register_optimizer_step_pre_hook"):
        watch_steps(module, how)
    else:
        sys.meta_path.insert(0, WhenImported(how))  # type: ignore[arg-type]


def watch_steps(module: ModuleType, how: str) -> None:
    """`module`: the module of the name `OPTIMIZERS`."""

    def before_step(*_args: Any) -> None:
        from absgd_worker.attach.errors import SessionError  # noqa: PLC0415
        from absgd_worker.attach.session.entered import entered  # noqa: PLC0415

        session = entered()
        if session is None or not session.is_open:
            raise SessionError(
                f"this process was started by {how} and trains, but lambda is set in the process that "
                "started it and has no effect here: train in the process of the session, or enter "
                "absgd_worker.session(…) in this process, or start every process that trains with absgd-run "
                "(torchrun … -m absgd_worker.run train.py)"
            )

    module.register_optimizer_step_pre_hook(before_step)


class WhenImported:
    """An import finder that watches the module of optimizers as soon as it is imported."""

    def __init__(self, how: str) -> None:
        self.how = how

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """See `sys.meta_path`. Finds the module of optimizers, once."""
        if name != OPTIMIZERS:
            return None
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        spec = importlib.util.find_spec(name)
        loader = None if spec is None else spec.loader
        if loader is not None:
            run = loader.exec_module

            def run_and_watch(module: ModuleType) -> None:
                run(module)
                watch_steps(module, self.how)

            loader.exec_module = run_and_watch  # type: ignore[method-assign]
        return spec
