"""What is done between two steps besides training: evaluate, write a checkpoint, return to one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from absgd_worker.console import complain, count, say
from absgd_worker.errors import CheckpointError
from absgd_worker.link.command_loop import Refused
from absgd_worker.link.failure import describe_failure
from absgd_worker.link.messages import Phase, Position
from absgd_worker.link.records import Note
from absgd_worker.link.thread_exchange import ThreadExchange
from absgd_worker.task.evaluation import evaluate
from absgd_worker.task.prediction import predict
from absgd_worker.training.checkpoint import check_cost, delete_checkpoints, read_checkpoint, write_checkpoint
from absgd_worker.training.trainer import Trainer


class Actions:
    """Done by the training thread, reported through the ring. Methods return what came of it, for people."""

    def __init__(self, trainer: Trainer, exchange: ThreadExchange, run_dir: Path, *, seed: int) -> None:
        self._trainer = trainer
        self._exchange = exchange
        self._standing = exchange.standing
        self._run_dir = run_dir
        self._seed = seed
        self._evaluated: Position | None = None
        self._predicted: Position | None = None
        self._saved: Position | None = None
        # Of the last checkpoint written.
        self._bytes_per_second: float | None = None

    @property
    def can_evaluate(self) -> bool:
        """Whether the task can be evaluated."""
        return self._trainer.task.evaluate is not None

    @property
    def can_predict(self) -> bool:
        """Whether the task can say what it takes its training data for."""
        return self._trainer.task.predict is not None

    def evaluate(self) -> str:
        """Evaluates, once per position. Before the first step there is nothing to evaluate.

        Raises:
            TaskError: `evaluate` does not return what it promises. What it raises passes through.
        """
        position = self._standing.position
        if not self.can_evaluate or position.step == 0:
            return "nothing to evaluate"
        if self._evaluated == position:
            return "evaluated already"
        with self._phase(Phase.EVALUATING):
            results = evaluate(
                self._trainer.task, attempt=position.attempt, step=position.step - 1, seed=self._seed
            )
        self._exchange.ring.extend(results)
        self._evaluated = position
        numbers = ", ".join(
            f"{result.split}.{name} {value:.4g}"
            for result in results
            for name, value in result.metrics.items()
        )
        say(f"after {position.step:,} steps: {numbers}")
        return numbers

    def predict(self, goes_on: Callable[[], bool]) -> tuple[str, bool]:
        """Predicts the training data, once per position; ends early when `goes_on` says so.

        Raises nothing: predictions are to look at, and what goes wrong with them must not cost a model.

        Returns:
            What came of it, and whether that is well.
        """
        position = self._standing.position
        if not self.can_predict or position.step == 0 or self._predicted == position:
            return "", True
        task, emit = self._trainer.task, self._exchange.ring.append
        try:
            with self._phase(Phase.EVALUATING):
                whole = predict(
                    task,
                    emit,
                    attempt=position.attempt,
                    step=position.step - 1,
                    seed=self._seed,
                    goes_on=goes_on,
                )
        except (Exception, SystemExit) as error:
            failure = describe_failure(error)
            complain(failure.text)
            return f"the training data could not be predicted: {failure.message}", False
        if not whole:
            return "predicting the training data was broken off", True
        self._predicted = position
        said = f"{task.size:,} training samples predicted"
        say(said)
        return said, True

    def checkpoint(self, *, automatic: bool = False) -> str:
        """Writes a checkpoint, once per position. An automatic one is kept apart, the last three of them.

        Its record is on disk when this returns, and older checkpoints are deleted only then: whatever happens
        to this process, there is a checkpoint that is known.

        Raises:
            CheckpointError: the disk refuses, which is recorded as well; or an automatic one would be large
                or slow. Earlier checkpoints are untouched.
        """
        position = self._standing.position
        if self._saved == position:
            return f"the checkpoint of step {position.step:,} is on disk already"
        exchange = self._exchange
        with self._phase(Phase.CHECKPOINTING):
            state = self._trainer.state_dict()
            if automatic:
                check_cost(state, self._bytes_per_second)
            try:
                written = write_checkpoint(
                    self._run_dir,
                    position,
                    state,
                    keep=exchange.welcome.keep_checkpoints if exchange.welcome else 0,
                    automatic=automatic,
                    # Reports of the steps before it must not be lost where it is found without a record.
                    before_naming=exchange.settle,
                )
            except CheckpointError as error:
                exchange.ring.append(Note(f"no checkpoint {_after(position)}: {error}", position))
                raise
            exchange.ring.append(written)
            if exchange.settle() and exchange.checkpoint_recorded:
                delete_checkpoints(self._run_dir, written.deleted)
        self._saved = position
        self._bytes_per_second = written.bytes / max(written.seconds, 1e-6)
        said = f"checkpoint {written.path} ({written.bytes:,} bytes, {written.seconds:.2f} s)"
        say(said)
        return said

    def checkpoint_to_stop(self) -> str:
        """As `checkpoint`."""
        return self.checkpoint()

    def evaluate_now(self, goes_on: Callable[[], bool]) -> str:
        """Evaluates and predicts, as far as the task can.

        Raises:
            Refused: it can do neither, no step is trained yet, or `evaluate` raised: training goes on then.
        """
        if not self.can_evaluate and not self.can_predict:
            raise Refused("the task has neither evaluate nor predict")
        if self._standing.step == 0:
            raise Refused("no step is trained yet: ask again after the first")
        try:
            evaluated = self.evaluate() if self.can_evaluate else ""
        except (Exception, SystemExit) as error:
            failure = describe_failure(error)
            complain(failure.text)
            raise Refused(f"the evaluation failed, training goes on: {failure.message}") from None
        predicted, _ = self.predict(goes_on)
        return "; ".join(said for said in (evaluated, predicted) if said)

    def try_to_checkpoint(self) -> str:
        """Like `checkpoint`, but returns why there is none instead of raising; empty where all is well."""
        try:
            self.checkpoint()
        except CheckpointError as error:
            complain(f"absgd worker: {error}")
            return str(error)
        return ""

    def restore(self, path: str, sha256: str, attempt: int) -> str:
        """Returns to a checkpoint and goes on under `attempt`; rows of another attempt are void.

        Raises:
            CheckpointError: it is missing, not what was written, or of another task; nothing has changed.
        """
        standing, plan = self._standing, self._exchange.plan
        with self._phase(Phase.CHECKPOINTING):
            step = self._trainer.load_state_dict(read_checkpoint(self._run_dir, path, sha256))
        plan.begin_attempt(attempt, step)
        standing.position = Position(attempt, step)
        self._evaluated = self._predicted = self._saved = None
        said = f"restored {path}: step {step:,}, attempt {attempt}"
        say(said)
        return said

    @contextmanager
    def _phase(self, phase: Phase) -> Iterator[None]:
        before, self._standing.phase = self._standing.phase, phase
        try:
            yield
        finally:
            self._standing.phase = before


def _after(position: Position) -> str:
    return f"after {count(position.step, 'step')}"
