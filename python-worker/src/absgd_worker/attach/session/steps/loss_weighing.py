"""Weighs the losses of a session, one call after the other.

Shapes: G samples of one call.
"""

from __future__ import annotations

import torch
from torch import Tensor

from absgd_worker.attach.estimates.estimates import Estimates
from absgd_worker.attach.hooks.backward_terms import mark_known
from absgd_worker.attach.hooks.backward_use import BackwardUse
from absgd_worker.attach.hooks.call_context import (
    IN_ANOTHER_THREAD,
    is_in_backward,
    is_recomputing,
    refuse_thread,
)
from absgd_worker.attach.hooks.distributed_ranks import require_one_rank
from absgd_worker.attach.samples.sample_identity import UNKNOWN_IDENTITY, Identity
from absgd_worker.attach.session.steps.announcements import Announcements
from absgd_worker.attach.session.steps.counted_steps import CountedSteps
from absgd_worker.attach.session.steps.training_steps import TrainingSteps


class LossWeighing:
    """Called by captures, by way of `Session`."""

    def __init__(
        self,
        steps: TrainingSteps,
        announcements: Announcements,
        counted: CountedSteps,
        *,
        allows_several_ranks: bool,
    ) -> None:
        self.allows_several_ranks = allows_several_ranks
        """Whether the number of ranks needs no check: several are permitted, or one was found."""
        self._steps = steps
        self._announcements = announcements
        self._counted = counted

    @property
    def estimates(self) -> Estimates:
        """The estimates of the step under way. Begins a step if there is none, since another training, or a
        state that is loaded with the first step, may have other names."""
        self._steps.controls()
        return self._steps.training.estimates

    def weigh(self, name: str, losses_G: Tensor, identity: Identity = UNKNOWN_IDENTITY) -> Tensor:
        """The weights of the samples of one call, [G], detached, the factor 1/G included.

        They are equal while lambda is off.

        Raises:
            SessionError: in another thread, or where several ranks train, while lambda is on.
            NotWeighable: in the backward pass, while lambda is on.
        """
        if self._counted.is_counting:
            self._counted.forget()
        is_off = self._steps.is_off
        if is_recomputing(is_off=is_off) or self.is_in_another_thread():
            return torch.full_like(losses_G, 1 / losses_G.shape[0]).detach()
        if not self.allows_several_ranks and not is_off:
            require_one_rank()
            self.allows_several_ranks = True
        model_calls = self._steps.watch.calls
        estimates = self.estimates
        training = self._steps.training
        own_name, number = estimates.name_of_call(name, model_calls)
        weighing = training.weighings.of(own_name, self._steps.rule)
        weights_G, use = weighing.weigh(losses_G.detach(), self._steps.controls(), identity)
        training.last_use = use
        estimates.add_call(name, number, use, model_calls)
        return weights_G

    def is_in_another_thread(self) -> bool:
        """Whether the caller is in another thread than the session's, while lambda is off.

        Losses are not weighed there. The reason is printed once.

        Raises:
            SessionError: the caller is in another thread, and lambda is on.
        """
        if torch.compiler.is_compiling() or self._steps.is_in_own_thread or is_in_backward():
            return False
        if not self._steps.is_off:
            refuse_thread()
        self._announcements.unweighed("thread", IN_ANOTHER_THREAD)
        return True

    def take_use(self) -> BackwardUse | None:
        """The use of the loss that was weighed last: it shows whether a backward pass reaches the loss."""
        training = self._steps.training
        use, training.last_use = training.last_use, None
        return use

    def follow(self, loss: Tensor) -> BackwardUse | None:
        """Observes whether a backward pass reaches `loss`, which is what the script gets of the samples that
        were weighed last."""
        use = self.take_use()
        mark_known(loss)
        if use is not None:
            use.follow(loss)
        return use

    def forget(self, use: BackwardUse) -> None:
        """Discards the call of `use`: it computed no loss, or the loss is weighed once more."""
        training = self._steps.training
        training.weighings.discard(use)
        training.estimates.forget(use)

    def pass_over(self, name: str, loss: Tensor) -> None:
        """Counts a call at the place `name` whose loss has no sample that counts, so that the calls after it
        keep their numbers."""
        estimates, model_calls, use = self.estimates, self._steps.watch.calls, BackwardUse()
        _, number = estimates.name_of_call(name, model_calls)
        use.follow(loss, is_weighed=False)
        estimates.add_call(name, number, use, model_calls)

    def note_empty_loss(self) -> None:
        """A loss of this step has no sample that counts. A step without any other loss is no error then."""
        self._steps.training.has_empty_loss = True
