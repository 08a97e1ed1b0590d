"""What an operator may ask of a script: what it has given functions for."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

import torch

from absgd_worker.attach.source.source import Script
from absgd_worker.console import complain, count
from absgd_worker.errors import CheckpointError
from absgd_worker.link.command_loop import Refused
from absgd_worker.link.failure import describe_failure
from absgd_worker.link.messages import Phase, Position
from absgd_worker.link.records import Note
from absgd_worker.link.thread_exchange import ThreadExchange
from absgd_worker.task.evaluation import evaluations, without_trace


class ScriptActions:
    """Done by the thread that trains, between two steps."""

    def __init__(self, script: Script, exchange: ThreadExchange) -> None:
        self._script = script
        self._exchange = exchange
        self._status = exchange.status
        self._saved: Position | None = None
        self._evaluated: Position | None = None

    def checkpoint(self, *, automatic: bool = False) -> str:
        """Has the script save itself, once per position. None before an edit: there is no way back to it.

        Raises:
            Refused: the script has given no function for it. CheckpointError: its function raised.
        """
        if automatic:
            raise Refused("a script cannot be returned to a checkpoint while it runs: none is taken")
        save = self._script.on_checkpoint
        if save is None:
            raise Refused(
                "the script has no function that saves it: give one, absgd_worker.session(on_checkpoint=save)"
            )
        position = self._status.position
        if self._saved == position:
            return f"step {position.step:,} is saved already"
        began = time.perf_counter()
        before, self._status.phase = self._status.phase, Phase.CHECKPOINTING
        try:
            said = save()
        except Exception as error:
            failure = describe_failure(error)
            complain(failure.text)
            said = f"the script's function that saves it raised {error!r}"
            self._exchange.outgoing.append(
                Note(f"not saved after {count(position.step, 'step')}: {said}", position)
            )
            raise CheckpointError(said) from None
        finally:
            self._status.phase = before
        self._saved = position
        return (
            said
            if isinstance(said, str)
            else f"the script saved itself ({time.perf_counter() - began:.2f} s)"
        )

    def try_to_checkpoint(self) -> str:
        """Like `checkpoint`, but returns why there is none instead of raising; empty where all is well, and
        for a script that has no function that saves it."""
        if self._script.on_checkpoint is None:
            return ""
        try:
            complain(f"absgd: at step {self._status.step:,}: {self.checkpoint()}")
        except CheckpointError as error:
            complain(f"absgd: {error}")
            return str(error)
        return ""

    def checkpoint_to_stop(self) -> str:
        """As `checkpoint`; a script that cannot be saved stops all the same.

        Raises:
            CheckpointError: its function raised.
        """
        if self._script.on_checkpoint is None:
            return "unsaved, as the script has no function for it"
        return self.checkpoint()

    def restore(self, path: str, sha256: str, attempt: int) -> str:
        """Raises Refused, always."""
        raise Refused(
            "a script cannot be returned to a checkpoint while it runs: stop it, and start it again from "
            "what it saved"
        )

    def evaluate_now(self, may_continue: Callable[[], bool]) -> str:
        """Has the script evaluate its model.

        Raises:
            Refused: it has given no function for it, no step is trained yet, or the function raised: training
                goes on then.
        """
        if self._script.on_evaluate is None:
            raise Refused(
                "the script has no function that evaluates its model: give one, "
                "absgd_worker.session(on_evaluate=evaluate)"
            )
        if self._status.step == 0:
            raise Refused("no step is trained yet: ask again after the first")
        try:
            return self.evaluate()
        except Exception as error:
            failure = describe_failure(error)
            complain(failure.text)
            raise Refused(f"the evaluation failed, training goes on: {failure.message}") from None

    def evaluate(self) -> str:
        """Evaluates, once per position, without a trace in training. What it raises passes through."""
        position, find = self._status.position, self._script.on_evaluate
        if find is None or position.step == 0 or self._evaluated == position:
            return "evaluated already"
        began = time.perf_counter()
        before, self._status.phase = self._status.phase, Phase.EVALUATING
        model = self._script.model
        try:
            # The seed is of no account: random numbers are the script's own again afterwards.
            with nullcontext() if model is None else without_trace(model, 0), torch.no_grad():
                results = find()
        finally:
            self._status.phase = before
        self._evaluated = position
        if isinstance(results, str):
            return results
        seconds = time.perf_counter() - began
        found = evaluations(results, attempt=position.attempt, step=position.step - 1, seconds=seconds)
        self._exchange.outgoing.extend(found)
        return ", ".join(
            f"{one.split}.{name} {value:.4g}" for one in found for name, value in one.metrics.items()
        )
