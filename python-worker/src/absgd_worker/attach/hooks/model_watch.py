"""What the models of a step were given: batch sizes, and whether they were in training."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.nn.utils.rnn import PackedSequence

from absgd_worker.attach.hooks.batch_sizes import BatchSizes
from absgd_worker.attach.samples.forward_passes import Passes


class ModelWatch:
    """Watches the outermost modules with parameters, from `open` to `close`; costs a look-up a module
    call."""

    def __init__(self) -> None:
        self._root: weakref.ref[nn.Module] | None = None
        self._inner: set[int] = set()
        self._batches: list[int] = []
        self._sizes = BatchSizes()
        self._is_by_keywords = False
        self.called: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        """The outermost modules that were called in this step."""
        self.roots: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        """The outermost modules that were called so far."""
        self.trained: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        """The outermost modules that were called in this step while they were in training mode."""
        self._has_time_first = False
        self.may_be_time_first = False
        """Whether any outermost module that was called in this step has layers with `batch_first=False`: an
        encoder and a decoder may be modules of their own."""
        self.in_training = True
        """Whether any outermost module that was called in this step is in training mode: beside a model that
        is trained, others may give what its loss is compared with. True where none ever was.

        A plain value, as compiled code asks for it: a look-up of the module would be followed.
        """
        self.cells: int | None = None
        """Of the last recurrent cell (as `nn.LSTMCell`) of a model, which is given a batch; None where there
        was none."""
        self.words: set[int] = set()
        """Of the packed sequences that outermost modules of this step were given: their elements."""
        self.calls = 0
        """How often outermost modules were called so far, but in compiled code."""
        self.on_training_call: Callable[[], None] = _nothing
        """Called before an outermost module in training mode is."""
        self.passes = Passes()
        """Which samples the outermost modules were given."""
        self._handles: list[Any] = []

    def open(self) -> None:
        # The hook does no harm when it runs twice.
        warnings.filterwarnings(
            "ignore", message=r"Using `torch\.compile\(module\)` when there are global hooks"
        )
        self._handles = [
            register_module_forward_pre_hook(self._before),
            register_module_forward_hook(self._after),
        ]

    def close(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    @property
    def batches(self) -> tuple[int, ...]:
        """Sizes that the batches may have which the outermost modules of this step were given, each once: see
        `BatchSizes`. Empty where no module was called, or within compiled code."""
        return tuple(self._batches)

    def end_step(self) -> None:
        """A batch of the step before is none of the next."""
        self._batches = []
        self.called.clear()
        self.trained.clear()
        self.cells = None
        self.words.clear()

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
                self._within(module, args)
                return
            # A criterion is no model.
            if next(module.parameters(), None) is None:
                return
            inner = {id(one) for one in module.modules()}
            self._has_time_first = any(
                vars(one).get("batch_first", True) is False for one in module.modules()
            )
            self._root, self._inner = weakref.ref(module, self._forget), inner
            self.roots.add(module)
        if module.training:
            self.on_training_call()
            self.trained.add(module)
        self.may_be_time_first = self._has_time_first or (bool(self.called) and self.may_be_time_first)
        self.called.add(module)
        self.calls += 1
        self.in_training = any(one.training for one in self.called)
        self._is_by_keywords = not self._add(args)
        self._note_cell(module, args)
        self.passes.begin(args)

    def _after(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        # Asked first, as compiled code is to follow nothing further.
        if torch.compiler.is_compiling() or not torch.is_grad_enabled():
            return
        if module is self.model:
            self.passes.end(output)

    def _within(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        # A model that was called by keywords alone hands its input on: which of them, nobody tells.
        if self._is_by_keywords:
            self._add(args)
        self.passes.within(args)
        self._note_cell(module, args)

    def _note_cell(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        given = args[0] if args else None
        if isinstance(module, nn.RNNCellBase) and isinstance(given, Tensor) and given.ndim == 2:
            self.cells = given.shape[0]

    def _add(self, args: tuple[Any, ...]) -> bool:
        found = self._sizes.of(args)
        self.words.update(one.data.shape[0] for one in args if isinstance(one, PackedSequence))
        self._batches += [one for one in found if one not in self._batches]
        return bool(found)

    def _forget(self, root: weakref.ref[nn.Module]) -> None:
        if root is self._root:
            self.in_training = True


def _nothing() -> None:
    pass
