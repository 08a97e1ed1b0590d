"""The SummaryWriters of this process: `torch.utils.tensorboard` and `tensorboardX` keep no list of them."""

from __future__ import annotations

import functools
import gc
import sys
import weakref
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


def tensorboard_is_loaded() -> bool:
    """Whether there may be a SummaryWriter."""
    return any(name in sys.modules for name in _MODULES)


class SummaryWriters:
    """Finds those that were made before the first `write`, and takes note of later ones until `close`."""

    def __init__(self) -> None:
        self._found: list[tuple[weakref.ref[Any], ModuleType]] = []
        self._watched: dict[str, Callable[[], None]] = {}

    @property
    def any_open(self) -> bool:
        return self._open() is not None

    def write(self, step: int, numbers: Mapping[str, float]) -> None:
        """Adds scalars to the first writer that is open; to none where none is."""
        for name in _MODULES:
            module = sys.modules.get(name)
            if module is not None and name not in self._watched and hasattr(module, "SummaryWriter"):
                self._watched[name] = self._watch(module)
        found = self._open()
        if found is None:
            return
        file, module = found
        for tag, value in numbers.items():
            # Not by `add_scalar`, which would open a writer anew that its script closes at this moment.
            file.add_summary(module.scalar(tag, value), step)

    def close(self) -> None:
        """No longer takes note of new ones. May be called twice."""
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
        kind = module.SummaryWriter
        begin = kind.__init__

        @functools.wraps(begin)
        def begun(writer: Any, *args: Any, **kwargs: Any) -> None:
            begin(writer, *args, **kwargs)
            self._found.append((weakref.ref(writer), module))

        kind.__init__ = begun
        # Once, in this order: a writer that is made in between is found twice, not never.
        for one in [kind, *kind.__subclasses__()]:
            self._found += [
                (weakref.ref(thing), module) for thing in gc.get_referrers(one) if type(thing) is one
            ]

        def unwatch() -> None:
            if kind.__init__ is begun:
                kind.__init__ = begin

        return unwatch


_MODULES = ("torch.utils.tensorboard.writer", "tensorboardX.writer")
