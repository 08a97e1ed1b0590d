"""A session: ABSGD in one training loop, from its first weighed loss to its end.

A step is an optimizer step that at least one weighed loss led to. All losses of a step share its controls; a
state lives in the session, by name, however often a criterion is made anew.

Shapes: G samples of one call.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer

from absgd_worker.attach.backward import around_backward
from absgd_worker.attach.between_steps import begin_another, carry_out
from absgd_worker.attach.boundary import Boundary
from absgd_worker.attach.caller import is_recomputing, require_thread
from absgd_worker.attach.choices import Choices
from absgd_worker.attach.collapse_watch import CollapseWatch
from absgd_worker.attach.comparison import Comparison
from absgd_worker.attach.effect import Effect
from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.granularity import Granularity
from absgd_worker.attach.graph_terms import mark_known
from absgd_worker.attach.host import Host
from absgd_worker.attach.identity import NOBODY, Identity
from absgd_worker.attach.known_samples import KnownSamples
from absgd_worker.attach.mirror import Mirror
from absgd_worker.attach.non_finite import NonFinite
from absgd_worker.attach.notebook import running_cell
from absgd_worker.attach.optimizers import Hyperparameters
from absgd_worker.attach.place import calls_on_stack
from absgd_worker.attach.ranks import require_one_rank
from absgd_worker.attach.source import Noting, Recorded, Source, StopTraining
from absgd_worker.attach.start_line import StartLine
from absgd_worker.attach.step_end import StepEnd
from absgd_worker.attach.trainings import Trainings
from absgd_worker.attach.unseen import UnseenSteps
from absgd_worker.attach.use import Use
from absgd_worker.attach.uses import Uses
from absgd_worker.attach.watch import ModelWatch
from absgd_worker.attach.weighing import Part
from absgd_worker.attach.weighings import Weighings, entry_of, numbers_of
from absgd_worker.console import complain
from absgd_worker.context import StepNumbers
from absgd_worker.weights import Rule


class Session:
    """Made by `absgd_worker.session`; used from the thread that trains alone."""

    def __init__(self, source: Source, choices: Choices | None = None) -> None:
        choices = choices or Choices()
        self.source = source
        self._rule = choices.rule or Rule()
        self._accumulate = choices.accumulate
        self.start_line = StartLine(is_wanted=choices.announce)
        self._ranks_are_fine = choices.normaliser == "rank-local"
        self._owner = threading.get_ident()
        self._boundary = Boundary(self)
        self._comparison = Comparison()
        self._ignore_backward: Callable[[], None] = lambda: None
        self._hyperparameters = Hyperparameters(choices.groups)
        self.watch = ModelWatch()
        self.trainings = Trainings(self.watch.trained.clear)
        self.may_begin_anew = False
        """Whether another training of the script is another one of this session: where nobody entered it."""
        self.is_told_of_another = False
        self.total_steps = 0
        """Of all trainings."""
        self._captured_before = 0
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
        self.watch.on_training_call = self._model_is_called
        self._set_to_start()

    def _set_to_start(self) -> None:
        """All that belongs to one training, before its first step."""
        self._weighings = Weighings(self._accumulate)
        self._saved: Mapping[str, Any] | None = None
        self._numbers = StepNumbers()
        self._controls: Mapping[str, float] | None = None
        self._is_made = False
        self._began = 0.0
        self._unseen = UnseenSteps()
        self._effect = Effect()
        self._has_empty_loss = False
        self._non_finite = NonFinite()
        self._collapse = CollapseWatch(*([self.source.note] if isinstance(self.source, Noting) else []))
        self._use: Use | None = None
        self._uses = Uses()
        self._samples = KnownSamples()
        self._applied: dict[str, float] = {}
        self.step_end = StepEnd()
        self.stopping: StopTraining | None = None
        """Why no further step is to be made; None while training goes on."""
        self.step = 0
        """Steps that were made; of the training under way."""

    @property
    def model(self) -> nn.Module | None:
        """The one that was called last; None where none was."""
        return self.watch.model

    @contextmanager
    def hosting(self, guest: Choices) -> Iterator[None]:
        """Under a controller: what a session of the script says, which is this one; its functions, until it
        ends."""
        host, self.host = self.host, None
        # What is trained in one session of the script is one training, but no other session's.
        may_begin_anew, self.may_begin_anew = self.may_begin_anew, self.step > 0
        self._rule = guest.rule or self._rule
        self._accumulate = guest.accumulate or self._accumulate
        self._weighings.expect(self._accumulate)
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
            self.finish_step(is_last=True)
        finally:
            self.on_checkpoint, self.on_evaluate, self.host = (*own, host)
            self.may_begin_anew = may_begin_anew

    def open(self) -> None:
        """Begins to watch the models and optimizers of this process."""
        if self.is_open:
            return
        self.watch.open()
        self.trainings.open()
        self._boundary.open()
        self._ignore_backward = around_backward(self._around_backward)
        self.is_open = True
        self.source.begin(self)

    def close(self, error: BaseException | None = None) -> None:
        """Lets go of everything; a step that no optimizer made is forgotten. May be called twice."""
        if not self.is_open:
            return
        try:
            if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
                self.finish_step(is_last=True)
        finally:
            self.abandon()
            self._weighings.close()
            self._non_finite.close()
            self._collapse.close()
            if self._mirror is not None:
                self._mirror.close()
            self.source.close(error)

    def abandon(self) -> None:
        """Lets go of models and optimizers alone: in a process that was forked, the rest is its parent's."""
        self.is_open = False
        if self.stop_following is not None:
            self.stop_following()
        self._boundary.close()
        self._ignore_backward()
        self.trainings.close()
        self.watch.close()

    @property
    def is_training(self) -> bool:
        """Whether a loss computed now is one to train on."""
        return self.is_open and torch.is_grad_enabled() and self.watch.in_training

    @property
    def controls(self) -> Mapping[str, float]:
        """Of the step under way, which begins here where none does."""
        return self._step_controls()

    def _step_controls(self, optimizer: Optimizer | None = None) -> Mapping[str, float]:
        """`optimizer`: that computes the loss of the step by a closure."""
        is_another = self.trainings.is_another(self.watch.trained, optimizer)
        if self._controls is not None and not self._is_made and not is_another:
            return self._controls
        self.finish_step(is_told=is_another)
        if is_another and begin_another(self):
            self._captured_before = self.captured
            self._set_to_start()
            self.trainings.begin()
        elif is_another:
            self.trainings.join(self.watch.trained, optimizer)
            if self._controls is not None and not self._is_made:
                return self._controls
        if self.stopping is not None:
            raise self.stopping
        try:
            self._controls, self._is_made = self.source.next(self.step), False
        except StopTraining as stop:
            if stop.exit_code == 0 and self.trainings.is_unknown(self.watch.trained, optimizer):
                raise StopTraining(f"{stop}, and another model of this script is not trained", 1) from None
            raise
        self._rule = self.source.rule or self._rule
        if self._saved is not None:
            self._load_weighings(self._saved)
        self._began = time.perf_counter()
        self._numbers._enter_step(self._controls)
        return self._controls

    def _model_is_called(self) -> None:
        """A forward pass of training begins."""
        self.finish_step()
        if self._is_made and not self.step_end.is_told and threading.get_ident() == self._owner:
            self.source.look_ahead(self.step)

    def finish_step(self, *, is_last: bool = False, is_told: bool = False) -> None:
        """Carries out what an operator has asked for, once all that belongs to the step is done; see
        `StepEnd`.

        Raises:
            StopTraining: training is to stop, and no framework is there to end it; never at the last step.
        """
        is_own_thread = threading.get_ident() == self._owner
        if is_own_thread and self.step_end.take(is_last=is_last, is_told=is_told):
            stop = carry_out(self)
            if stop is not None and self.on_stop is None and not is_last:
                raise stop

    def expect(self, micro_batches: int | None) -> None:
        """How many losses of one name the steps from here on have, as a framework knows it; None: as many as
        the step before. What the script says of it holds."""
        if self._accumulate is None:
            self._weighings.expect(micro_batches)

    @property
    def was_off(self) -> bool:
        """Whether they were in the step that was begun last."""
        return self._controls is None or self._rule.is_off(self._controls.get("lambda", math.inf))

    @property
    def is_off(self) -> bool:
        """Whether losses of this step are weighed evenly."""
        return self._rule.is_off(self.controls.get("lambda", math.inf))

    @property
    def uses(self) -> Uses:
        """The names of losses; those of a state that was loaded, which waits for the first step's rule."""
        if self._saved is not None:
            _ = self.controls
        return self._uses

    def weigh(self, name: str, losses_G: Tensor, identity: Identity = NOBODY) -> Tensor:
        """The weights of one call's samples, detached, 1/G included; even ones where λ is off. Raises
        SessionError in another thread, or where several ranks train; NotWeighable in the backward pass."""
        if is_recomputing(is_off=self.is_off):
            return torch.full_like(losses_G, 1 / losses_G.shape[0]).detach()
        require_thread(self._owner)
        if not self._ranks_are_fine and not self.is_off:
            require_one_rank()
            self._ranks_are_fine = True
        models = self.watch.calls
        own_name, number = self.uses.of_call(name, models)
        weighing = self._weighings.of(own_name, self._rule)
        weights_G, self._use = weighing.weigh(losses_G.detach(), self.controls, identity)
        self.uses.hold(name, number, self._use, models)
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
        mark_known(loss)
        if use is not None:
            use.follow(loss)
        return use

    def forget(self, use: Use) -> None:
        """What was weighed was no loss, or is weighed anew."""
        self._weighings.forget(use)
        self._uses.forget(use)

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
        """Losses weighed so far, over all names and trainings."""
        return self._captured_before + self._weighings.calls

    def drop_step(self) -> None:
        """Forgets what was weighed for a step that is not made."""
        self._weighings.drop()
        self._uses.end_step()

    def state_dict(self) -> dict[str, Any]:
        """Step, state of every weighing, and where the run is recorded: to be saved beside the model's.

        Python numbers and strings. What was reported is in the run's log when this returns.
        """
        own = {"rule": str(self._rule), "names": self._uses.state_dict()}
        own |= {"weighings": self._weighings.state_dict(), "main": self._weighings.main}
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
        self._weighings.main = state.get("main")
        self._uses.load_state_dict(state.get("names", {}))
        self._saved = None

    def evaluated(self, split: str, metrics: Mapping[str, float | Tensor]) -> None:
        """Reports what the script found out about its model, after the step that was trained last. Raises
        SessionError before the first."""
        if self.step == 0:
            raise SessionError("evaluated(…) tells of a model after a step, and none is trained yet")
        numbers = {name: float(value) for name, value in metrics.items()}
        self._non_finite.evaluated(split, numbers, self.step)
        self.source.evaluated(split, numbers)

    def before_step(self, optimizer: Optimizer, *, computes_loss: bool) -> None:
        """See `Boundary`, as for the next three."""
        controls = self._step_controls(optimizer) if computes_loss else self._controls
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
        self._uses.end_step()
        self.step_end.add(optimizer, is_step=bool(parts))
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
        self.total_steps += 1
        # Its row is still that of further optimizers, which step by the same backward pass.
        self._is_made = True
        self.watch.end_step()
        said = self.trainings.add(optimizer)
        if said is not None and self.source.wants_lambda:
            complain(f"absgd: {said}")

    @contextmanager
    def _around_backward(self, roots: Sequence[Tensor]) -> Iterator[None]:
        if not self.is_open:
            yield
            return
        with self._comparison.around(roots, has_weighed=lambda: self.captured > 0):
            yield
        if self._says_what_is_not_weighed:
            self._comparison.say()
        if self._uses.are_open and threading.get_ident() == self._owner:
            self._uses.learn(calls_on_stack())

    @property
    def _says_what_is_not_weighed(self) -> bool:
        lam = math.inf if self._controls is None else self._controls.get("lambda", math.inf)
        return self.start_line.is_wanted or not self._rule.is_off(lam)

    def _report(self, parts: Mapping[str, Part], optimizer: Optimizer) -> None:
        parts = self._samples.checked(parts)
        entry = entry_of(
            parts,
            main=self._weighings.main,
            attempt=self.source.attempt,
            step=self.step,
            seconds=time.perf_counter() - self._began,
            applied=self._applied,
            metrics=self._numbers._take_logged(),
        )
        self._applied = {}
        self._non_finite.step(self.step, numbers_of(entry))
        self.source.report(entry)
        lam = entry.controls.get("lambda", math.inf)
        weighings = [part.statistics for part in parts.values()]
        self._effect.add(weighings, lam, is_off=self._rule.is_off(lam))
        if self.source.wants_lambda and not self.source.has_guard:
            self._collapse.step(entry)
        self.start_line.several(self._uses.several_of(parts.keys()))
        self.start_line.samples(known=entry.indices_B is not None, doubt=self._samples.doubt)
        if self._mirror is not None:
            self._mirror.report(entry, optimizer.param_groups[0].get("lr"))
