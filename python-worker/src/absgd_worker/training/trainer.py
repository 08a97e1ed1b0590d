"""One step of training, and everything that has to be saved to repeat the next one bit for bit.

Shapes: B samples in a batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from absgd_worker.errors import CheckpointError, ControlError, TaskError
from absgd_worker.link.messages import Position
from absgd_worker.link.step_reports import StepEntry
from absgd_worker.link.thread_exchange import Standing
from absgd_worker.task.batches import Batches, Drawn
from absgd_worker.task.context import Context
from absgd_worker.task.optimizer_controls import Controls
from absgd_worker.task.random_state import random_state, set_random_state
from absgd_worker.task.sampler import Sampler
from absgd_worker.task.task import Task
from absgd_worker.training.class_balance import ClassBalance, weigh_balanced
from absgd_worker.weights import Normaliser, Rule, weighted_loss


class Trainer:
    """Trains a task step by step. Touches no socket and waits for no device."""

    def __init__(self, task: Task, context: Context, standing: Standing) -> None:
        self.task = task
        self.controls = Controls(task.optimizer)
        self._context = context
        self._standing = standing
        self._sampler = Sampler(task.size, task.batch_size, seed=context.seed, drop_last=task.drop_last)
        self.batches = Batches(task)
        self._normaliser = _normaliser_for(Rule())
        self._balance = ClassBalance(task.labels)

    def weigh_by(self, rule: Rule) -> None:
        """Sets the rule of weights, before the first step: what was weighed before is forgotten."""
        self._normaliser = _normaliser_for(rule)

    def step(self, row: Mapping[str, float], *, keep_samples: bool) -> StepEntry:
        """Trains one step with the planned controls.

        Raises:
            TaskError: the task's loss is not what it promises.
            ControlError: the plan sets what the optimizer does not have, or needs labels that the task lacks.
        """
        began = time.perf_counter()
        task, standing = self.task, self._standing
        lam, gamma = _weighting_of(row)
        applied = self.controls.apply(row)
        self._context._enter_step(applied)
        drawn = self.batches.draw(self._sampler.draw())
        if drawn.is_empty:
            self.batches.confirm(drawn, 0)
            return self._untrained(began, applied, drawn)
        losses_B = task.loss(task.model, drawn.batch)
        _check_losses(losses_B, drawn)
        indices_B = self.batches.confirm(drawn, losses_B.shape[0])
        detached_B = losses_B.detach()
        if not losses_B.shape[0]:
            # As in plain torch: the gradients are 0, and the optimizer makes its step.
            self._update(losses_B, detached_B, row)
            return self._untrained(began, applied, drawn)
        factors_B = self._factors(row, indices_B, detached_B)
        bare = None
        if factors_B is None:
            weights_B, statistics = self._normaliser.weigh(detached_B, lam=lam, gamma=gamma)
        else:
            weights_B, statistics, bare = weigh_balanced(
                self._normaliser, detached_B, factors_B, lam=lam, gamma=gamma
            )
        self._update(losses_B, weights_B, row)
        return StepEntry(
            *self._step_done(began),
            standing.waits,
            applied,
            statistics,
            detached_B,
            weights_B,
            indices_B,
            keep_samples,
            self._numbers(drawn.size - losses_B.shape[0]),
            bare,
        )

    def _update(self, losses_B: Tensor, weights_B: Tensor, row: Mapping[str, float]) -> None:
        optimizer = self.task.optimizer
        optimizer.zero_grad(set_to_none=True)
        weighted_loss(losses_B, weights_B).backward()
        self.controls.clip(row)
        optimizer.step()

    def _untrained(self, began: float, applied: dict[str, float], drawn: Drawn) -> StepEntry:
        """A step without a loss, as of a batch that has no sample left: the estimate stays as it is."""
        none = torch.empty(0)
        waits, numbers = self._standing.waits, self._numbers(drawn.size)
        return StepEntry(*self._step_done(began), waits, applied, None, none, none, None, False, numbers)

    def _step_done(self, began: float) -> tuple[int, int, float]:
        attempt, step = self._standing.position
        self._standing.position = Position(attempt, step + 1)
        return attempt, step, time.perf_counter() - began

    def _numbers(self, skipped: int) -> dict[str, float | Tensor] | None:
        """What the task logged at this step, and how many samples its batch lacks."""
        logged = self._context._take_logged()
        return {"skipped_samples": float(skipped), **(logged or {})} if skipped else logged

    def _factors(self, row: Mapping[str, float], indices_B: Tensor | None, losses_B: Tensor) -> Tensor | None:
        if indices_B is not None:
            return self._balance.factors(row, indices_B, losses_B)
        if not row.get("class_balance"):
            return None
        raise ControlError(
            "the plan sets class_balance, but collate returned fewer samples without saying which: let the "
            "data set give None for a sample that is to be left out"
        )

    def state_dict(self) -> dict[str, Any]:
        """The whole state between two steps, as a checkpoint holds it. Waits for the device."""
        return {
            "run": self._context.run,
            "attempt": self._standing.attempt,
            "step": self._standing.step,
            "model": self.task.model.state_dict(),
            "optimizer": self.task.optimizer.state_dict(),
            "normalisers": {"loss": self._normaliser.state_dict()},
            "sampler": dict(self._sampler.state_dict()),
            "random": random_state(),
            "left_out": dict(self.batches.left_out),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> int:
        """Goes to where `state` was taken and returns its step; the caller moves the position.

        Nothing is changed when it does not fit.

        Raises:
            CheckpointError: it is that of another task; the message names what differs.
        """
        missing = {"step", "model", "optimizer", "normalisers", "sampler", "random"} - state.keys()
        if missing:
            raise CheckpointError(f"the checkpoint lacks {', '.join(sorted(missing))}")
        _check_model(self.task.model.state_dict(), state["model"])
        _check_optimizer(self.task.optimizer.state_dict(), state["optimizer"])
        self._sampler.check_state_dict(state["sampler"])
        normaliser = _restored(self._normaliser.rule, state["normalisers"])
        self.task.model.load_state_dict(state["model"])
        self.task.optimizer.load_state_dict(state["optimizer"])
        self._normaliser = normaliser
        self._sampler.load_state_dict(state["sampler"])
        set_random_state(state["random"])
        self.batches.left_out = dict(state.get("left_out", {}))
        return int(state["step"])


def _weighting_of(row: Mapping[str, float]) -> tuple[float, float]:
    lam = row.get("lambda", math.inf)
    gamma = row.get("gamma")
    if gamma is None:
        if math.isinf(lam):
            return lam, 1.0
        raise ControlError(f"the plan sets lambda to {lam} but no gamma: give gamma in (0, 1]")
    return lam, gamma


def _check_losses(losses_B: object, drawn: Drawn) -> None:
    size = drawn.given_B.shape[0]
    if not isinstance(losses_B, Tensor):
        raise TaskError(
            f"loss must return a tensor of one loss per sample, [{size}], not {type(losses_B).__name__}"
        )
    if losses_B.ndim != 1 or not (drawn.fits(losses_B.shape[0]) or losses_B.shape[0] == 0):
        raise TaskError(
            f"loss must return one loss per sample, shape [{size}], not {list(losses_B.shape)}: "
            "use reduction='none', and average over any dimension but the first"
        )
    if not losses_B.is_floating_point():
        raise TaskError(f"loss must return floating numbers, not {losses_B.dtype}")
    if not losses_B.requires_grad:
        raise TaskError(
            "loss must return losses that depend on the model: do not detach them, and use no torch.no_grad()"
        )


def _normaliser_for(rule: Rule) -> Normaliser:
    return Normaliser(rule.preset, alpha=rule.alpha, floor=rule.floor)


def _restored(rule: Rule, states: Mapping[str, dict[str, Any]]) -> Normaliser:
    normaliser = _normaliser_for(rule)
    try:
        normaliser.load_state_dict(states["loss"])
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"the checkpoint's state of the weighing does not fit: {error}") from None
    return normaliser


def _check_model(mine: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    differences = [
        *(f"{name} is missing" for name in mine.keys() - given.keys()),
        *(f"{name} is unknown here" for name in given.keys() - mine.keys()),
        *(
            f"{name} has shape {list(given[name].shape)}, here {list(mine[name].shape)}"
            for name in mine.keys() & given.keys()
            if isinstance(mine[name], Tensor) and getattr(given[name], "shape", None) != mine[name].shape
        ),
    ]
    if differences:
        raise CheckpointError(f"the checkpoint is of another model: {_some(sorted(differences))}")


def _check_optimizer(mine: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    sizes = [[len(group["params"]) for group in state["param_groups"]] for state in (mine, given)]
    if sizes[0] != sizes[1]:
        raise CheckpointError(
            f"the checkpoint's optimizer has groups of {sizes[1]} parameters, this task's has groups "
            f"of {sizes[0]}"
        )
    keys = [set().union(*(group.keys() for group in state["param_groups"])) for state in (mine, given)]
    if keys[0] != keys[1]:
        raise CheckpointError(
            f"the checkpoint is of another optimizer: {', '.join(sorted(keys[0] ^ keys[1]))} in one "
            "of them only"
        )


def _some(differences: list[str]) -> str:
    shown = "; ".join(differences[:4])
    return shown if len(differences) <= 4 else f"{shown}; and {len(differences) - 4} more"
