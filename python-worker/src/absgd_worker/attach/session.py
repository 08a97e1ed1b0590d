"""A session: ABSGD in one training loop, from its first weighed loss to its end.

A step is an optimizer step that at least one weighed loss led to. All losses of a step share its controls; a
state lives in the session, by name, however often a criterion is made anew.

Shapes: G samples of one call.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer

from absgd_worker.attach.boundary import Boundary
from absgd_worker.attach.caller import is_recomputing, require_thread
from absgd_worker.attach.choices import Choices
from absgd_worker.attach.effect import Effect
from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.granularity import Granularity
from absgd_worker.attach.host import Host
from absgd_worker.attach.identity import NOBODY, Identity
from absgd_worker.attach.mirror import Mirror
from absgd_worker.attach.notebook import running_cell
from absgd_worker.attach.optimizers import Hyperparameters
from absgd_worker.attach.place import Names
from absgd_worker.attach.ranks import require_one_rank
from absgd_worker.attach.source import Recorded, Source, StopTraining
from absgd_worker.attach.start_line import StartLine
from absgd_worker.attach.unseen import UnseenSteps
from absgd_worker.attach.use import Use
from absgd_worker.attach.watch import ModelWatch
from absgd_worker.attach.weighing import Part
from absgd_worker.attach.weighings import Weighings, entry_of
from absgd_worker.context import StepNumbers
from absgd_worker.weights import Rule


class Session:
    """Made by `absgd_worker.session`; used from the thread that trains alone."""

    def __init__(self, source: Source, choices: Choices | None = None) -> None:
        choices = choices or Choices()
        self.source = source
        self._rule = choices.rule or Rule()
        self.start_line = StartLine(is_wanted=choices.announce)
        self._ranks_are_fine = choices.normaliser == "rank-local"
        self._weighings = Weighings(choices.accumulate)
        self._saved: Mapping[str, Any] | None = None
        self._owner = threading.get_ident()
        self._numbers = StepNumbers()
        self._controls: Mapping[str, float] | None = None
        self._is_made = False
        self._began = 0.0
        self._unseen = UnseenSteps()
        self._effect = Effect()
        self._use: Use | None = None
        self._has_empty_loss = False
        self._boundary = Boundary(self)
        self._applied: dict[str, float] = {}
        self._hyperparameters = Hyperparameters(choices.groups)
        self.stopping: StopTraining | None = None
        """Why no further step is to be made; None while training goes on."""
        self._mirror = Mirror() if choices.mirror == "auto" else None
        self.on_checkpoint = choices.on_checkpoint
        self.on_evaluate = choices.on_evaluate
        self.on_stop: Callable[[], None] | None = None
        """Of a framework: has it end training after this step, in place of `StopTraining` from the step."""
        self.is_open = False
        self.is_implicit = False
        """Entered by nobody: begun by the first loss weighed outside of any, or by a framework's callback."""
        self.cell = running_cell()
        """Of the notebook that it was made in; None elsewhere."""
        self.host: Host | None = None
        """Of absgd-run's session: what becomes of those that the script enters."""
        self.is_weighing = False
        self.stop_following: Callable[[], None] | None = None
        """Of losses that a wrapped criterion gave without reduction: see `Following`."""
        self.indices: Tensor | None = None
        """Which samples the batch under way holds, int64 [B], as `track` tells; None where nobody does."""
        self.ids: tuple[str, ...] | None = None
        """Their names; None where `indices` is, or nobody tells."""
        self.watch = ModelWatch()
        self.names = Names()
        self.step = 0
        """Steps that were made."""

    @property
    def model(self) -> nn.Module | None:
        """The one that was called last; None where none was."""
        return self.watch.model

    @contextmanager
    def hosting(self, guest: Choices) -> Iterator[None]:
        """Under a controller: what a session of the script says, which is this one; its functions, until it
        ends."""
        host, self.host = self.host, None
        self._rule = guest.rule or self._rule
        self._weighings.accumulate = guest.accumulate or self._weighings.accumulate
        self._ranks_are_fine = self._ranks_are_fine or guest.normaliser == "rank-local"
        if guest.groups != "scaled":
            self._hyperparameters = Hyperparameters(guest.groups)
        if guest.mirror == "off" and self._mirror is not None:
            self._mirror.close()
            self._mirror = None
        own = (self.on_checkpoint, self.on_evaluate)
        self.on_checkpoint, self.on_evaluate = guest.on_checkpoint or own[0], guest.on_evaluate or own[1]
        try:
            yield
        finally:
            self.on_checkpoint, self.on_evaluate, self.host = (*own, host)

    def open(self) -> None:
        """Begins to watch the models and optimizers of this process."""
        if self.is_open:
            return
        self.watch.open()
        self._boundary.open()
        self.is_open = True
        self.source.begin(self)

    def close(self, error: BaseException | None = None) -> None:
        """Lets go of everything; a step that no optimizer made is forgotten. May be called twice."""
        if not self.is_open:
            return
        self.abandon()
        self._weighings.close()
        if self._mirror is not None:
            self._mirror.close()
        self.source.close(error)

    def abandon(self) -> None:
        """Lets go of models and optimizers alone: in a process that was forked, the rest is its parent's."""
        self.is_open = False
        if self.stop_following is not None:
            self.stop_following()
        self._boundary.close()
        self.watch.close()

    @property
    def is_training(self) -> bool:
        """Whether a loss computed now is one to train on."""
        return self.is_open and torch.is_grad_enabled() and self.watch.in_training

    @property
    def controls(self) -> Mapping[str, float]:
        """Of the step under way, which begins here where none does."""
        if self._controls is None or self._is_made:
            if self.stopping is not None:
                raise self.stopping
            self._controls, self._is_made = self.source.next(self.step), False
            self._rule = self.source.rule or self._rule
            if self._saved is not None:
                self._load_weighings(self._saved)
            self._began = time.perf_counter()
            self._numbers._enter_step(self._controls)
        return self._controls

    @property
    def is_off(self) -> bool:
        """Whether losses of this step are weighed evenly."""
        return self._rule.is_off(self.controls.get("lambda", math.inf))

    def weigh(self, name: str, losses_G: Tensor, identity: Identity = NOBODY) -> Tensor:
        """The weights of one call's samples, detached, 1/G included; even ones where λ is off. Raises
        SessionError in another thread, or where several ranks train; NotWeighable in the backward pass."""
        if is_recomputing(is_off=self.is_off):
            return torch.full_like(losses_G, 1 / losses_G.shape[0]).detach()
        require_thread(self._owner)
        if not self._ranks_are_fine and not self.is_off:
            require_one_rank()
            self._ranks_are_fine = True
        weighing = self._weighings.of(name, self._rule)
        weights_G, self._use = weighing.weigh(losses_G.detach(), self.controls, identity)
        return weights_G

    def capture(
        self, *, name: str = "loss", granularity: Granularity = "auto", leave: Collection[str] = ()
    ) -> AbstractContextManager[Any]:
        """See `absgd_worker.capture`."""
        from absgd_worker.attach.capture import Capture  # noqa: PLC0415 (it knows sessions)

        return Capture(self, name=name, granularity=granularity, leave=leave)

    def take_use(self) -> Use | None:
        """Of the samples that were weighed last: what follows whether anybody trains on their loss."""
        use, self._use = self._use, None
        return use

    def follow(self, loss: Tensor) -> Use | None:
        """The loss that the script gets, whose samples were weighed last: does anybody train on it?"""
        use = self.take_use()
        if use is not None:
            use.follow(loss)
        return use

    def forget(self, use: Use) -> None:
        """What was weighed was no loss, or is weighed anew."""
        self._weighings.forget(use)

    def note_empty_loss(self) -> None:
        """A loss of this step has no sample that counts: it is seen, and there is nothing to weigh."""
        self._has_empty_loss = True

    def log(self, **numbers: float | Tensor) -> None:
        """Reports numbers with the step under way."""
        self._numbers.log(**numbers)

    def control(self, name: str, default: float) -> float:
        """The planned value of a control at this step; `default` where nothing is planned."""
        return self.controls.get(name, default)

    @property
    def captured(self) -> int:
        """Losses weighed so far, over all names."""
        return self._weighings.calls

    def drop_step(self) -> None:
        """Forgets what was weighed for a step that is not made."""
        self._weighings.drop()

    def state_dict(self) -> dict[str, Any]:
        """Step, state of every weighing, and where the run is recorded: to be saved beside the model's.

        Python numbers and strings. What was reported is in the run's log when this returns.
        """
        own = {"rule": str(self._rule), "names": self.names.state_dict()}
        own |= {"weighings": self._weighings.state_dict()}
        weighed = own if self._saved is None else {name: self._saved.get(name, {}) for name in own}
        run = self.source.place() if isinstance(self.source, Recorded) else None
        return {"format": 1, "step": self.step, **weighed, "run": run}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where `state_dict` was called, as a new attempt of the run that it was recorded as. Raises
        ValueError for no such state, SessionError where a living process writes that run."""
        if state.get("format") != 1:
            raise ValueError("this is no state of a session: load what state_dict() gave")
        if self.source.chooses_rule:
            # By which rule this is to go on is known with the first step.
            self._saved = state
        else:
            self._load_weighings(state)
        if isinstance(self.source, Recorded):
            self.source.go_on(state.get("run"), int(state["step"]))
        self.step = int(state["step"])
        self._controls = None

    def _load_weighings(self, state: Mapping[str, Any]) -> None:
        saved, own = state.get("rule"), str(self._rule)
        if saved != own:
            raise ValueError(f"this state is of the rule of weights {saved!r}, not {own!r}: go on under it")
        self._weighings.load_state_dict(state["weighings"], self._rule)
        self.names.load_state_dict(state.get("names", {}))
        self._saved = None

    def evaluated(self, split: str, metrics: Mapping[str, float | Tensor]) -> None:
        """Reports what the script found out about its model, after the step that was trained last. Raises
        SessionError before the first."""
        if self.step == 0:
            raise SessionError("evaluated(…) tells of a model after a step, and none is trained yet")
        self.source.evaluated(split, {name: float(value) for name, value in metrics.items()})

    def before_step(self, optimizer: Optimizer, *, computes_loss: bool) -> None:
        """See `Boundary`, as for the next three."""
        controls = self.controls if computes_loss else self._controls
        if controls is not None:
            applied = self._hyperparameters.put(optimizer, controls)
            self._applied |= {} if self._is_made else applied

    def gradients_are_there(self, optimizer: Optimizer) -> None:
        if self._controls is not None:
            self._hyperparameters.clip(optimizer, self._controls)

    def abandon_step(self, optimizer: Optimizer) -> None:
        self._hyperparameters.put_back(optimizer)

    def after_step(self, optimizer: Optimizer) -> None:
        self._hyperparameters.put_back(optimizer)
        parts = self._weighings.take()
        if self.stop_following is not None:
            self.stop_following()
        has_empty_loss, self._has_empty_loss = self._has_empty_loss, False
        if not parts and has_empty_loss:
            self.watch.end_step()
            return
        if not parts:
            self._unseen.add(optimizer, self.captured, self.source.wants_lambda, self.watch.in_training)
            return
        self._report(parts, optimizer)
        self.step += 1
        # Its row is still that of further optimizers, which step by the same backward pass.
        self._is_made = True
        self.watch.end_step()
        stop = self.source.between(self.step)
        if stop is None and self.on_stop is not None:
            stop = self.source.over(self.step)
        if stop is not None:
            self.stopping = stop
            if self.on_stop is None:
                raise stop
            self.on_stop()

    def _report(self, parts: Mapping[str, Part], optimizer: Optimizer) -> None:
        entry = entry_of(
            parts,
            attempt=self.source.attempt,
            step=self.step,
            seconds=time.perf_counter() - self._began,
            applied=self._applied,
            metrics=self._numbers._take_logged(),
        )
        self._applied = {}
        self.source.report(entry)
        lam = entry.controls.get("lambda", math.inf)
        weighings = [part.statistics for part in parts.values()]
        self._effect.add(weighings, lam, is_off=self._rule.is_off(lam))
        self.start_line.several(self._weighings.several)
        self.start_line.samples(known=entry.indices_B is not None)
        if self._mirror is not None:
            self._mirror.report(entry, optimizer.param_groups[0].get("lr"))
