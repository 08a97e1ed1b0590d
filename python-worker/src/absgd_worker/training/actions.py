"""The actions of a served task besides training: evaluate, predict, write a checkpoint, restore one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from absgd_worker.console import complain, count, say
from absgd_worker.errors import CheckpointError
from absgd_worker.link.command_loop import Refused
from absgd_worker.link.exchange import Exchange
from absgd_worker.link.failure import describe_failure
from absgd_worker.link.wire.messages import EventKind, Phase, Position
from absgd_worker.link.wire.records import Note
from absgd_worker.task.evaluation import evaluate
from absgd_worker.task.prediction import predict
from absgd_worker.training.checkpoint import check_cost, delete_checkpoints, read_checkpoint, write_checkpoint
from absgd_worker.training.trainer import Trainer


class Actions:
    """The `CommandHandler` of a served task.

    The training thread calls the methods between two steps. They report through `exchange.outgoing`, and
    return a sentence for the operator.
    """

    def __init__(self, trainer: Trainer, exchange: Exchange, run_dir: Path, *, seed: int) -> None:
        self._trainer = trainer
        self._exchange = exchange
        self._status = exchange.status
        self._run_dir = run_dir
        self._seed = seed
        # The position of the last evaluation, prediction and checkpoint.
        self._evaluated: Position | None = None
        self._predicted: Position | None = None
        self._saved: Position | None = None
        # The speed of the last checkpoint.
        self._bytes_per_second: float | None = None

    @property
    def can_evaluate(self) -> bool:
        """Whether the task has `evaluate`."""
        return self._trainer.task.evaluate is not None

    @property
    def can_predict(self) -> bool:
        """Whether the task has `predict`."""
        return self._trainer.task.predict is not None

    def run_events(self, events: Collection[EventKind]) -> None:
        """Evaluates and writes a checkpoint. If the checkpoint fails, it is reported and training continues.

        Raises:
            TaskError: `evaluate` does not return what `Task` requires. Its own exceptions pass through.
        """
        try:
            if EventKind.EVALUATE in events:
                self.evaluate()
        finally:
            # A failed evaluation ends the run, but the checkpoint of this step must still be written.
            if EventKind.CHECKPOINT in events:
                self.try_to_checkpoint()

    def evaluate(self) -> str:
        """Evaluates, once per position. Does nothing before the first step.

        Raises:
            TaskError: `evaluate` does not return what `Task` requires. Its own exceptions pass through.
        """
        position = self._status.position
        if not self.can_evaluate or position.step == 0:
            return "nothing to evaluate"
        if self._evaluated == position:
            return "evaluated already"
        with self._phase(Phase.EVALUATING):
            results = evaluate(
                self._trainer.task, attempt=position.attempt, step=position.step - 1, seed=self._seed
            )
        self._exchange.outgoing.extend(results)
        self._evaluated = position
        numbers = ", ".join(
            f"{result.split}.{name} {value:.4g}"
            for result in results
            for name, value in result.metrics.items()
        )
        say(f"after {position.step:,} steps: {numbers}")
        return numbers

    def predict(self, may_continue: Callable[[], bool]) -> tuple[str, bool]:
        """Predicts the training data, once per position; ends early when `may_continue` returns False.

        Raises nothing: predictions are only for viewing, and a failure there must not cost the model.

        Returns:
            A sentence about the result, and whether it is as it should be.
        """
        position = self._status.position
        if not self.can_predict or position.step == 0 or self._predicted == position:
            return "", True
        task, emit = self._trainer.task, self._exchange.outgoing.append
        try:
            with self._phase(Phase.EVALUATING):
                is_complete = predict(
                    task,
                    emit,
                    attempt=position.attempt,
                    step=position.step - 1,
                    seed=self._seed,
                    may_continue=may_continue,
                    loader=self._trainer.loader,
                )
        except (Exception, SystemExit) as error:
            failure = describe_failure(error)
            complain(failure.text)
            return f"the training data could not be predicted: {failure.message}", False
        if not is_complete:
            return "predicting the training data was broken off", True
        self._predicted = position
        message = f"{task.size:,} training samples predicted"
        say(message)
        return message, True

    def checkpoint(self, *, automatic: bool = False) -> str:
        """Writes a checkpoint, once per position. The last three automatic ones are kept beside the others.

        The record of the checkpoint is on disk when this returns, and older checkpoints are deleted only
        after that: if the process is killed at any moment, there is still a checkpoint with a record.

        Raises:
            CheckpointError: the disk refuses, which is also recorded; or an automatic checkpoint would be
                large or slow. Earlier checkpoints are unchanged.
        """
        position = self._status.position
        if self._saved == position:
            return f"the checkpoint of step {position.step:,} is on disk already"
        exchange = self._exchange
        with self._phase(Phase.CHECKPOINTING):
            state = self._trainer.state_dict(position)
            if automatic:
                check_cost(state, self._bytes_per_second)
            try:
                written = write_checkpoint(
                    self._run_dir,
                    position,
                    state,
                    keep=exchange.welcome.keep_checkpoints if exchange.welcome else 0,
                    automatic=automatic,
                    # A file with a final name can be resumed without its record: spool the reports before it.
                    before_naming=exchange.wait_until_spooled,
                )
            except CheckpointError as error:
                after = f"after {count(position.step, 'step')}"
                exchange.outgoing.append(Note(f"no checkpoint {after}: {error}", position))
                raise
            exchange.outgoing.append(written)
            if exchange.wait_until_spooled() and exchange.is_checkpoint_recorded:
                delete_checkpoints(self._run_dir, written.deleted)
        self._saved = position
        self._bytes_per_second = written.bytes / max(written.seconds, 1e-6)
        message = f"checkpoint {written.path} ({written.bytes:,} bytes, {written.seconds:.2f} s)"
        say(message)
        return message

    def checkpoint_to_stop(self) -> str:
        """The same as `checkpoint`."""
        return self.checkpoint()

    def try_to_checkpoint(self) -> str:
        """Like `checkpoint`, but returns the error message instead of raising; empty if it succeeded."""
        try:
            self.checkpoint()
        except CheckpointError as error:
            complain(f"absgd worker: {error}")
            return str(error)
        return ""

    def evaluate_now(self, may_continue: Callable[[], bool]) -> str:
        """Evaluates and predicts, if the task can.

        Raises:
            Refused: the task can do neither, no step is trained yet, or `evaluate` raised. Training goes on.
        """
        if not self.can_evaluate and not self.can_predict:
            raise Refused("the task has neither evaluate nor predict")
        if self._status.step == 0:
            raise Refused("no step is trained yet: ask again after the first")
        try:
            evaluated = self.evaluate() if self.can_evaluate else ""
        except (Exception, SystemExit) as error:
            failure = describe_failure(error)
            complain(failure.text)
            raise Refused(f"the evaluation failed, training goes on: {failure.message}") from None
        predicted, _ = self.predict(may_continue)
        return "; ".join(sentence for sentence in (evaluated, predicted) if sentence)

    def restore(self, path: str, sha256: str, attempt: int) -> str:
        """Restores a checkpoint and continues as `attempt`; the planned rows of other attempts are deleted.

        Raises:
            CheckpointError: it is missing, differs from what was written, or is of another task. Nothing has
                changed.
        """
        status, plan = self._status, self._exchange.plan
        with self._phase(Phase.CHECKPOINTING):
            step = self._trainer.load_state_dict(read_checkpoint(self._run_dir, path, sha256))
        plan.begin_attempt(attempt, step)
        status.position = Position(attempt, step)
        self._evaluated = self._predicted = self._saved = None
        message = f"restored {path}: step {step:,}, attempt {attempt}"
        say(message)
        return message

    @contextmanager
    def _phase(self, phase: Phase) -> Iterator[None]:
        before, self._status.phase = self._status.phase, phase
        try:
            yield
        finally:
            self._status.phase = before
