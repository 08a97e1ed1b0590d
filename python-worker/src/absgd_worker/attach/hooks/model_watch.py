"""Observes the models of a step: the batch sizes of their inputs, and whether they are in training mode."""

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
from absgd_worker.attach.hooks.packed_rows import PackedRows
from absgd_worker.attach.hooks.transparent_mode import settle
from absgd_worker.attach.samples.forward_passes import ForwardPasses


class ModelWatch:
    """Observes the outermost modules with parameters, from `open` to `close`. Costs one look-up per module
    call."""

    def __init__(self) -> None:
        self._root: weakref.ref[nn.Module] | None = None
        self._inner: set[int] = set()
        """The identities of the modules inside the outermost module that was called last."""
        self._looks_inside = False
        """Whether the calls of these modules are observed in this call of the outermost one."""
        self._has_cells = False
        self._batches: list[int] = []
        self._sizes = BatchSizes()
        self._is_by_keywords = False
        self.called: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        """The outermost modules that were called in this step."""
        self.roots: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        """The outermost modules that were called so far."""
        self.trained: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        """The outermost modules that were called in this step in training mode."""
        self._has_time_first = False
        self.may_be_time_first = False
        """Whether any outermost module that was called in this step has layers with `batch_first=False`. An
        encoder and a decoder may be separate modules."""
        self.in_training = True
        """Whether any outermost module that was called in this step is in training mode. A trained model may
        be called beside a teacher in evaluation mode. True if no module was called so far.

        This is a plain attribute because compiled code reads it: torch.compile would trace a look-up of the
        module.
        """
        self.cell_batch: int | None = None
        """The batch size of the last recurrent cell (`nn.LSTMCell`, say) in this step; None if there was
        none."""
        self.packed_lengths: set[int] = set()
        """The numbers of elements of the packed sequences that were inputs in this step."""
        self.packed_rows = PackedRows()
        self.calls = 0
        """How often outermost modules were called so far, outside of compiled code."""
        self.on_training_call: Callable[[], None] = _nothing
        """Called before each call of an outermost module in training mode."""
        self.passes = ForwardPasses()
        """The samples of the inputs of the outermost modules."""
        self._handles: list[Any] = []

    def open(self) -> None:
        """Begins to observe all modules of this process."""
        # The hooks may run twice without harm, so torch's warning is suppressed.
        warnings.filterwarnings(
            "ignore", message=r"Using `torch\.compile\(module\)` when there are global hooks"
        )
        self._register()

    def _register(self) -> None:
        self._handles = [
            register_module_forward_pre_hook(self._before),
            register_module_forward_hook(self._after, with_kwargs=True),
        ]

    def pause(self) -> None:
        """Observes no model until `go_on`. Torch calls modules faster if no hook observes them all."""
        self.close()
        self.end_step()

    def go_on(self, model: nn.Module | None) -> None:
        """Observes all modules again. `model`: the one that may have been called since `pause`."""
        if not self._handles:
            self._register()
        if model is not None:
            self.called.add(model)
            if model.training:
                self.trained.add(model)
            self.in_training = model.training

    def close(self) -> None:
        """Ends the observation. May be called twice."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    @property
    def batches(self) -> tuple[int, ...]:
        """The possible batch sizes of the outermost modules' inputs in this step, each once. See
        `BatchSizes`. Empty if no module was called outside of compiled code."""
        return tuple(self._batches)

    def end_step(self) -> None:
        """Forgets the inputs and the called modules of the step."""
        self._batches = []
        self.called.clear()
        self.trained.clear()
        self.cell_batch = None
        self.packed_lengths.clear()

    @property
    def model(self) -> nn.Module | None:
        """The outermost module that was called last; None if none was, or if it no longer exists."""
        return None if self._root is None else self._root()

    def _before(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        # Compiled code is skipped: the call of the compiled module itself was observed. A module that is
        # called without gradients (a teacher, say) is not trained.
        if torch.compiler.is_compiling() or not torch.is_grad_enabled():
            return
        if id(module) in self._inner and not self._looks_inside:
            return
        root = self.model
        if root is not module and root is not None and id(module) in self._inner:
            self._before_inner(module, args)
            return
        settle()
        if root is not module:
            # A module without parameters is a criterion.
            if next(module.parameters(), None) is None:
                return
            inner = {id(part) for part in module.modules()} - {id(module)}
            self._has_cells = any(isinstance(part, nn.RNNCellBase) for part in module.modules())
            self._has_time_first = any(
                vars(part).get("batch_first", True) is False for part in module.modules()
            )
            self._root, self._inner = weakref.ref(module, self._forget), inner
            self.roots.add(module)
        if module.training:
            self.on_training_call()
            self.trained.add(module)
        self.may_be_time_first = self._has_time_first or (bool(self.called) and self.may_be_time_first)
        self.called.add(module)
        self.calls += 1
        self.in_training = any(called.training for called in self.called)
        self._is_by_keywords = not self._add(args)
        self._note_cell(module, args)
        self.passes.begin(args)
        self._looks_inside = self._is_by_keywords or self._has_cells or self.passes.is_looking

    def _after(self, module: nn.Module, args: tuple[Any, ...], keywords: dict[str, Any], output: Any) -> None:
        # This check comes first, so that torch.compile traces nothing else.
        if torch.compiler.is_compiling() or not torch.is_grad_enabled():
            return
        # A model may compute its loss itself: then the modules inside it are called before that.
        if keywords:
            self.packed_rows.look(keywords)
        if id(module) in self._inner:
            return
        if module is self.model:
            self.passes.end(output)

    def _before_inner(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        # A model that is called by keywords only may have its input passed on to an inner module.
        if self._is_by_keywords:
            self._add(args)
        self.passes.begin_inner(args)
        self._note_cell(module, args)

    def _note_cell(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        batch = args[0] if args else None
        if isinstance(module, nn.RNNCellBase) and isinstance(batch, Tensor) and batch.ndim == 2:
            self.cell_batch = batch.shape[0]

    def _add(self, args: tuple[Any, ...]) -> bool:
        """Adds the batch sizes of a call; returns whether it shows any."""
        sizes = self._sizes.of(args)
        self.packed_lengths.update(arg.data.shape[0] for arg in args if isinstance(arg, PackedSequence))
        self._batches += [size for size in sizes if size not in self._batches]
        return bool(sizes)

    def _forget(self, root: weakref.ref[nn.Module]) -> None:
        if root is self._root:
            self._inner = set()
            self.in_training = True


def _nothing() -> None:
    pass
