"""A session: ABSGD in one training loop, from its first weighed loss to its end.

A step is an optimizer step that at least one weighed loss led to. All losses of a step share its controls; a
state lives in the session, by name, however often a criterion is made anew.

Shapes: G samples of one call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor

from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.estimates.estimates import Estimates
from absgd_worker.attach.hooks.backward_calls import around_backward
from absgd_worker.attach.hooks.backward_terms import mark_known
from absgd_worker.attach.hooks.backward_use import BackwardUse
from absgd_worker.attach.hooks.call_context import (
    IN_ANOTHER_THREAD,
    is_in_backward,
    is_recomputing,
    refuse_thread,
)
from absgd_worker.attach.hooks.distributed_ranks import require_one_rank
from absgd_worker.attach.hooks.hyperparameters import Hyperparameters
from absgd_worker.attach.provenance.granularity import Granularity
from absgd_worker.attach.samples.sample_identity import NOBODY, Identity
from absgd_worker.attach.session.options import SessionOptions
from absgd_worker.attach.session.session_steps import SessionSteps


class Session(SessionSteps):
    """Made by `absgd_worker.session`; used from the thread that trains alone."""

    make_capture: ClassVar[Callable[..., AbstractContextManager[Any]]]
    """The class of captures. `attach.capture` sets it, since captures import sessions."""

    @contextmanager
    def hosting(self, guest: SessionOptions) -> Iterator[None]:
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
            self.recorder.close(error)

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
    def uses(self) -> Estimates:
        """The names of the losses of this step. It begins here where none does: another training, or a state
        that waits for the rule of the first step, may have other names."""
        _ = self.controls
        return self._uses

    def weigh(self, name: str, losses_G: Tensor, identity: Identity = NOBODY) -> Tensor:
        """The weights of one call's samples, detached, 1/G included; even ones where λ is off. Raises
        SessionError in another thread, or where several ranks train; NotWeighable in the backward pass."""
        if is_recomputing(is_off=self.is_off) or self.is_in_another_thread():
            return torch.full_like(losses_G, 1 / losses_G.shape[0]).detach()
        if not self._ranks_are_fine and not self.is_off:
            require_one_rank()
            self._ranks_are_fine = True
        models = self.watch.calls
        uses = self.uses
        own_name, number = uses.of_call(name, models)
        weighing = self._weighings.of(own_name, self._rule)
        weights_G, self._use = weighing.weigh(losses_G.detach(), self.controls, identity)
        uses.hold(name, number, self._use, models)
        return weights_G

    def is_in_another_thread(self) -> bool:
        """Whether the caller is in another thread than the session's own, while lambda is off.

        Losses are left as they are there, and that is said once.

        Raises:
            SessionError: the caller is in another thread, and lambda is on.
        """
        if torch.compiler.is_compiling() or threading.get_ident() == self._owner or is_in_backward():
            return False
        if not self.is_off:
            refuse_thread()
        self.start_line.unweighed("thread", IN_ANOTHER_THREAD)
        return True

    def capture(
        self, *, name: str = "loss", granularity: Granularity = "auto", leave: Collection[str] = ()
    ) -> AbstractContextManager[Any]:
        """See `absgd_worker.capture`."""
        return self.make_capture(self, name=name, granularity=granularity, leave=leave)

    def take_use(self) -> BackwardUse | None:
        """Of the samples that were weighed last: what follows whether anybody trains on their loss."""
        use, self._use = self._use, None
        return use

    def follow(self, loss: Tensor) -> BackwardUse | None:
        """The loss that the script gets, whose samples were weighed last: does anybody train on it?"""
        use = self.take_use()
        mark_known(loss)
        if use is not None:
            use.follow(loss)
        return use

    def forget(self, use: BackwardUse) -> None:
        """What was weighed was no loss, or is weighed anew."""
        self._weighings.forget(use)
        self._uses.forget(use)

    def pass_over(self, name: str, loss: Tensor) -> None:
        """A loss of the place `name` has no sample that counts. It counts as a call all the same, so that the
        calls after it keep their numbers."""
        uses, models, use = self.uses, self.watch.calls, BackwardUse()
        _, number = uses.of_call(name, models)
        use.follow(loss, is_weighed=False)
        uses.hold(name, number, use, models)

    def note_empty_loss(self) -> None:
        """A loss of this step has no sample that counts: it is seen, and there is nothing to weigh."""
        self._has_empty_loss = True

    def log(self, **numbers: float | Tensor) -> None:
        """Reports numbers with the step under way."""
        self._numbers.log(**numbers)

    def control(self, name: str, default: float) -> float:
        """The planned value of a control at this step; `default` where nothing is planned."""
        return self.controls.get(name, default)

    def state_dict(self) -> dict[str, Any]:
        """Step, state of every weighing, and where the run is recorded: to be saved beside the model's.

        Python numbers and strings. What was reported is in the run's log when this returns.
        """
        own = {"rule": str(self._rule), "names": self._uses.state_dict()}
        own |= {"weighings": self._weighings.state_dict(), "main": self._weighings.main}
        weighed = own if self._saved is None else {name: self._saved.get(name, {}) for name in own}
        run = self.recorder.run_state()
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
        self.recorder.resume(state.get("run"), int(state["step"]))
        self.step = int(state["step"])
        self._controls = None

    def evaluated(self, split: str, metrics: Mapping[str, float | Tensor]) -> None:
        """Reports what the script found out about its model, after the step that was trained last. Raises
        SessionError before the first."""
        if self.step == 0:
            raise SessionError("evaluated(…) tells of a model after a step, and none is trained yet")
        numbers = {name: float(value) for name, value in metrics.items()}
        self._non_finite.evaluated(split, numbers, self.step)
        self.recorder.evaluated(split, numbers)
