"""Finds the SummaryWriters of this process: `torch.utils.tensorboard` and `tensorboardX` have no list."""

from __future__ import annotations

import functools
import gc
import sys
import weakref
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


def tensorboard_is_loaded() -> bool:
    """Whether a module with a SummaryWriter is imported."""
    return not sys.modules.keys().isdisjoint(_MODULES)


class SummaryWriters:
    """The writers that exist at the first `write`, and those that are created until `close`."""

    def __init__(self) -> None:
        self._found: list[tuple[weakref.ref[Any], ModuleType]] = []
        self._watched: dict[str, Callable[[], None]] = {}

    @property
    def any_open(self) -> bool:
        return self._open() is not None

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """Adds scalars to the first writer that is open, if there is one."""
        for name in _MODULES:
            module = sys.modules.get(name)
            if module is not None and name not in self._watched and hasattr(module, "SummaryWriter"):
                self._watched[name] = self._watch(module)
        found = self._open()
        if found is None:
            return
        file, module = found
        for tag, value in numbers.items():
            # `add_scalar` would reopen a writer that the script closes at this moment.
            file.add_summary(module.scalar(tag, value), step)

    def close(self) -> None:
        """Stops watching for new writers. May be called twice."""
        for unwatch in self._watched.values():
            unwatch()
        self._watched = {}

    def _open(self) -> tuple[Any, ModuleType] | None:
        for reference, module in self._found:
            file = getattr(reference(), "file_writer", None)
            if file is not None:
                return file, module
        return None

    def _watch(self, module: ModuleType) -> Callable[[], None]:
        writer_class = module.SummaryWriter
        plain_init = writer_class.__init__

        @functools.wraps(plain_init)
        def noting_init(writer: Any, *args: Any, **kwargs: Any) -> None:
            plain_init(writer, *args, **kwargs)
            self._found.append((weakref.ref(writer), module))

        writer_class.__init__ = noting_init
        # In this order a writer that is created in between is found twice instead of not at all.
        for kind in [writer_class, *writer_class.__subclasses__()]:
            self._found += [
                (weakref.ref(thing), module) for thing in gc.get_referrers(kind) if type(thing) is kind
            ]

        def unwatch() -> None:
            if writer_class.__init__ is noting_init:
                writer_class.__init__ = plain_init

        return unwatch


_MODULES = ("torch.utils.tensorboard.writer", "tensorboardX.writer")
