"""What the model that was called last was given: its batch size, and whether it was in training."""

from __future__ import annotations

import warnings
import weakref
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook


class ModelWatch:
    """Watches the outermost modules with parameters, from `open` to `close`; costs a look-up a module
    call."""

    def __init__(self) -> None:
        self._root: weakref.ref[nn.Module] | None = None
        self._inner: set[int] = set()
        self._batch: int | None = None
        self._known: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self.may_be_time_first = False
        """Whether the one that was called last has layers with `batch_first=False`."""
        self.in_training = True
        """Whether any outermost module that was called is in training mode: beside a model that is trained,
        others may give what its loss is compared with. True where none was called.

        A plain value, as compiled code asks for it: a look-up of the module would be followed.
        """
        self._handle: Any = None

    def open(self) -> None:
        # The hook does no harm when it runs twice.
        warnings.filterwarnings(
            "ignore", message=r"Using `torch\.compile\(module\)` when there are global hooks"
        )
        self._handle = register_module_forward_pre_hook(self._before)

    def close(self) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    @property
    def batch(self) -> int | None:
        """First dimension of the first tensor of the last outermost call in this step; None where there was
        none, or it was within compiled code."""
        return self._batch

    def end_step(self) -> None:
        """A batch of the step before is none of the next."""
        self._batch = None

    @property
    def model(self) -> nn.Module | None:
        """The outermost module that was called last; None where none was."""
        return None if self._root is None else self._root()

    def _before(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        # Inside of compiled code; the call of the compiled module itself has been seen. And whoever is called
        # without gradients, a teacher say, is not what is trained.
        if torch.compiler.is_compiling() or not torch.is_grad_enabled():
            return
        root = self.model
        if root is not module:
            if id(module) in self._inner and root is not None:
                # A model that was called by keywords alone hands its input on.
                if self._batch is None:
                    self._batch = _first_dimension(args)
                return
            # A criterion is no model.
            if next(module.parameters(), None) is None:
                return
            inner = {id(one) for one in module.modules()}
            self.may_be_time_first = any(
                vars(one).get("batch_first", True) is False for one in module.modules()
            )
            self._known.add(module)
            self._root, self._inner = weakref.ref(module, self._forget), inner
            self._batch = None
        self.in_training = module.training or any(one.training for one in self._known)
        self._batch = _first_dimension(args)

    def _forget(self, root: weakref.ref[nn.Module]) -> None:
        if root is self._root:
            self.in_training = True


def _first_dimension(values: Any) -> int | None:
    for value in values:
        if isinstance(value, Tensor) and value.ndim:
            return value.shape[0]
        if isinstance(value, (list, tuple)) and (found := _first_dimension(value)) is not None:
            return found
        if isinstance(value, dict) and (found := _first_dimension(value.values())) is not None:
            return found
    return None
