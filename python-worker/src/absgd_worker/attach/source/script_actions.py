"""Executes an operator's commands in a script, by the functions that the script gives to its session."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

import torch

from absgd_worker.attach.source.source import Script
from absgd_worker.console import complain, count
from absgd_worker.errors import CheckpointError
from absgd_worker.link.command_loop import Refused
from absgd_worker.link.exchange import Exchange
from absgd_worker.link.failure import describe_failure
from absgd_worker.link.wire.messages import Phase, Position
from absgd_worker.link.wire.records import Note
from absgd_worker.task.evaluation import evaluations, no_effect_on_training


class ScriptActions:
    """The `CommandHandler` of a script. The training thread calls it between two steps."""

    def __init__(self, script: Script, exchange: Exchange) -> None:
        self._script = script
        self._exchange = exchange
        self._status = exchange.status
        self._saved: Position | None = None
        self._evaluated: Position | None = None

    def checkpoint(self, *, automatic: bool = False) -> str:
        """Calls the script's function that saves it, once per position.

        Raises:
            Refused: the script has no such function, or the checkpoint is automatic, to which a script cannot
                return. CheckpointError: the function raised.
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
            result = save()
        except Exception as error:
            failure = describe_failure(error)
            complain(failure.text)
            message = f"the script's function that saves it raised {error!r}"
            self._exchange.outgoing.append(
                Note(f"not saved after {count(position.step, 'step')}: {message}", position)
            )
            raise CheckpointError(message) from None
        finally:
            self._status.phase = before
        self._saved = position
        return (
            result
            if isinstance(result, str)
            else f"the script saved itself ({time.perf_counter() - began:.2f} s)"
        )

    def try_to_checkpoint(self) -> str:
        """Like `checkpoint`, but returns the error message instead of raising.

        Empty if it succeeded, or if the script has no function that saves it.
        """
        if self._script.on_checkpoint is None:
            return ""
        try:
            complain(f"absgd: at step {self._status.step:,}: {self.checkpoint()}")
        except CheckpointError as error:
            complain(f"absgd: {error}")
            return str(error)
        return ""

    def checkpoint_to_stop(self) -> str:
        """Like `checkpoint`; a script without a function that saves it stops nevertheless.

        Raises:
            CheckpointError: the function raised.
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
        """Calls the script's function that evaluates its model.

        Raises:
            Refused: there is no such function, no step is trained yet, or the function raised. Training
                continues.
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
        """Evaluates, once per position, without any effect on training. Exceptions pass through."""
        position, evaluate = self._status.position, self._script.on_evaluate
        if evaluate is None or position.step == 0 or self._evaluated == position:
            return "evaluated already"
        began = time.perf_counter()
        before, self._status.phase = self._status.phase, Phase.EVALUATING
        model = self._script.model
        try:
            # Any seed will do: afterwards the random states are the script's own again.
            with nullcontext() if model is None else no_effect_on_training(model, 0), torch.no_grad():
                results = evaluate()
        finally:
            self._status.phase = before
        self._evaluated = position
        if isinstance(results, str):
            return results
        seconds = time.perf_counter() - began
        records = evaluations(results, attempt=position.attempt, step=position.step - 1, seconds=seconds)
        self._exchange.outgoing.extend(records)
        return ", ".join(
            f"{record.split}.{name} {value:.4g}"
            for record in records
            for name, value in record.metrics.items()
        )
