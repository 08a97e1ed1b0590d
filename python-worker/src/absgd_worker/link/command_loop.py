"""What a controller's word does to a training thread: rows to wait for, commands to obey at step boundaries.

The same for a task that is served and for a script whose loop is its own; what differs are their deeds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from absgd_worker.console import complain, count
from absgd_worker.errors import CheckpointError
from absgd_worker.link.messages import (
    Action,
    Bye,
    Checkpoint,
    Command,
    CommandResult,
    Evaluate,
    Pause,
    Phase,
    Reason,
    Restore,
    Resume,
    StepOn,
    Stop,
    Welcome,
)
from absgd_worker.link.plan_table import Row
from absgd_worker.link.thread_exchange import Fault, ThreadExchange


class WorkerFault(Exception):
    """The worker ends without a last word: there is nobody to hear it."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Refused(Exception):
    """A command was not obeyed; the message says why."""


class CommandHandler(Protocol):
    """What an operator may ask of whoever trains, besides standing still and ending. Each says what came
    of it."""

    def checkpoint(self, *, automatic: bool = False) -> str:
        """Raises CheckpointError or Refused."""
        ...

    def try_to_checkpoint(self) -> str:
        """Like `checkpoint`, but returns why there is none instead of raising; empty where all is well."""
        ...

    def checkpoint_to_stop(self) -> str:
        """Before training stops for good. Raises CheckpointError: it goes on then."""
        ...

    def restore(self, path: str, sha256: str, attempt: int) -> str:
        """Raises CheckpointError or Refused."""
        ...

    def evaluate_now(self, goes_on: Callable[[], bool]) -> str:
        """Ends early when `goes_on` says so. Raises Refused."""
        ...


class CommandLoop:
    """Held by the training thread, which calls `stand` between two steps and `next_row` before one."""

    def __init__(self, exchange: ThreadExchange, deeds: CommandHandler) -> None:
        self._exchange = exchange
        self._standing = exchange.standing
        self._deeds = deeds
        self.ending: Bye | None = None
        """The last word, once training is to end."""
        self._terminated = False
        self._paused = False
        # Steps to train before standing still again; None when nobody said so.
        self._steps_left: int | None = None
        # Before the first row of a process, and of a return to a checkpoint, waiting is a start, not a gap in
        # the plan.
        self._had_row = False

    def terminate(self) -> None:
        """Checkpoint and stop at the next boundary, as SIGTERM asks. Safe in a signal handler."""
        self._terminated = True

    def await_welcome(self) -> Welcome:
        """The controller's answer to Hello.

        Raises:
            WorkerFault: the controller refuses this worker, none answers, or the worker is told to end.
        """
        until = time.monotonic() + WELCOME_SECONDS
        exchange = self._exchange
        while exchange.welcome is None:
            self._wait(lambda: exchange.welcome is not None)
            if self._terminated:
                raise WorkerFault("ended by SIGTERM before training began", 0)
            self._obey()
            if time.monotonic() > until:
                raise WorkerFault(f"no controller answered for {WELCOME_SECONDS:g} s", 75)
        return exchange.welcome

    def stand(self) -> None:
        """Between two steps: obeys, and stands still for as long as an operator wants it to.

        Raises:
            WorkerFault: the controller refuses this worker.
        """
        self._obey()
        # Below 0 where a script has made further steps before its loop was whole.
        if self._steps_left is not None and self._steps_left <= 0:
            self._steps_left, self._paused = None, True
        if self._paused:
            since = time.monotonic()
            while self._paused and self.ending is None:
                self._standing.phase = Phase.PAUSED
                self._stand_still(since, until=lambda: False)

    def next_row(self) -> Row | None:
        """The row of the next step, waited for where it is not known yet.

        None where there is no next step, training is to end, or to stand still first. Raises as `stand` does.
        """
        plan, standing = self._exchange.plan, self._standing
        if self.ending is not None or plan.is_over(standing.step):
            return None
        row = plan.take(standing.step)
        if row is None:
            self._wait_for_row()
            return None
        self._had_row = True
        standing.phase = Phase.TRAINING
        return row

    def await_row(self) -> None:
        """Waits until it is known what comes after the steps so far, and obeys meanwhile; takes no row.

        Raises as `stand` does.
        """
        while self.ending is None and not self._knows_what_is_next():
            self._wait_for_row()
            self.stand()

    def count_step(self) -> None:
        """A step was trained."""
        if self._steps_left is not None:
            self._steps_left -= 1

    def end(self, reason: Reason, message: str = "") -> None:
        """Training is to end here."""
        self.ending = Bye(reason, self._standing.position, message)

    def leave(self, bye: Bye) -> None:
        """Says the last word, and waits until the controller has all that came before it."""
        exchange = self._exchange
        self._standing.phase = Phase.ENDING
        exchange.ring.append(bye)
        exchange.flush()
        until = time.monotonic() + (0.0 if bye.reason is Reason.ORPHANED else RELEASE_SECONDS)
        while not exchange.released and not self._terminated and time.monotonic() < until:
            self._wait(lambda: exchange.released)
            while exchange.inbox:
                self._answer_late(exchange.inbox.popleft())

    def nobody_wants_an_end(self) -> bool:
        """Whether what takes long may go on."""
        exchange = self._exchange
        with exchange.condition:
            wanted = any(isinstance(item, Fault) or isinstance(item.action, Stop) for item in exchange.inbox)
        return not self._terminated and not wanted

    def _wait_for_row(self) -> None:
        began = time.monotonic()
        counted = self._had_row
        if counted:
            self._standing.phase = Phase.WAITING
            self._standing.waits += 1
            # A feedback schedule may need what is not reported yet before it can give the next row.
            self._exchange.flush()
        while self.ending is None and not self._paused and not self._knows_what_is_next():
            self._stand_still(began, until=self._knows_what_is_next)
        if counted:
            self._standing.waited_seconds += time.monotonic() - began

    def _knows_what_is_next(self) -> bool:
        plan, step = self._exchange.plan, self._standing.step
        return plan.planned_through() > step or plan.is_over(step)

    def _stand_still(self, since: float, *, until: Callable[[], bool]) -> None:
        """Waits a moment, or until something comes, and obeys; gives up on a controller gone too long."""
        self._wait(until)
        self._obey()
        welcome, heard = self._exchange.welcome, self._exchange.heard
        limit = welcome.orphan_limit_seconds if welcome else WELCOME_SECONDS
        if self.ending is None and time.monotonic() - max(heard, since) > limit:
            message = f"no controller was heard for {limit:g} s"
            complain(f"{message}: giving up")
            refusal = self._deeds.try_to_checkpoint()
            self.end(
                Reason.ORPHANED, f"{message}; the last steps are not saved: {refusal}" if refusal else message
            )

    def _wait(self, until: Callable[[], bool]) -> None:
        with self._exchange.condition:
            self._exchange.condition.wait_for(lambda: bool(self._exchange.inbox) or until(), LOOK_SECONDS)

    def _obey(self) -> None:
        if self._terminated and self.ending is None:
            self._obey_sigterm()
        inbox = self._exchange.inbox
        while inbox and self.ending is None:
            message = inbox.popleft()
            if isinstance(message, Fault):
                if message.is_own:
                    self._deeds.try_to_checkpoint()
                raise WorkerFault(message.message)
            self._answer(message)

    def _answer(self, command: Command) -> None:
        try:
            done, ok = self._carry_out(command.action), True
        except (Refused, CheckpointError) as error:
            done, ok = f"refused: {error}", False
        complain(f"{type(command.action).__name__.lower()} at step {self._standing.step:,}: {done}")
        self._exchange.ring.append(CommandResult(command.id, ok, self._standing.step, done))
        self._exchange.flush()

    def _answer_late(self, message: Command | Fault) -> None:
        if isinstance(message, Command):
            ok = isinstance(message.action, Stop)
            self._exchange.ring.append(CommandResult(message.id, ok, self._standing.step, "training is over"))
            self._exchange.flush()

    def _carry_out(self, action: Action) -> str:
        done = ""
        match action:
            case Pause():
                self._paused, self._steps_left = True, None
                done = "paused"
            case Resume():
                self._paused, self._steps_left = False, None
                done = "training goes on"
            case StepOn(steps):
                done = self._step_on(steps)
            case Checkpoint(automatic):
                done = self._deeds.checkpoint(automatic=automatic)
            case Restore(path, sha256, attempt):
                done = self._deeds.restore(path, sha256, attempt)
                self._had_row = False
            case Evaluate():
                done = self._deeds.evaluate_now(self.nobody_wants_an_end)
            case Stop(with_checkpoint):
                done = self._stop(with_checkpoint)
        return done

    def _step_on(self, steps: int) -> str:
        if not self._paused and self._steps_left is None:
            raise Refused("training is not paused: pause it first")
        if steps < 1:
            raise Refused(f"{steps} steps cannot be trained: ask for 1 or more")
        self._paused, self._steps_left = False, max(self._steps_left or 0, 0) + steps
        return f"{count(self._steps_left, 'step')} to train"

    def _stop(self, with_checkpoint: bool) -> str:
        done = self._deeds.checkpoint_to_stop() if with_checkpoint else "without a checkpoint"
        self.end(Reason.STOPPED)
        return f"stopped: {done}"

    def _obey_sigterm(self) -> None:
        complain("SIGTERM: writing a checkpoint, then stopping")
        try:
            self._deeds.checkpoint_to_stop()
            self.end(Reason.STOPPED)
        except CheckpointError as error:
            self.end(Reason.FAILED, f"ended by SIGTERM without a checkpoint: {error}")


WELCOME_SECONDS = 600.0
"""A controller that admits no worker for this long has given it up itself."""

RELEASE_SECONDS = 10.0
"""How long a worker that said Bye waits for Released; its spool stays if it does not come."""

LOOK_SECONDS = 0.2
"""How often a training thread that stands still looks whether it was told to end or left alone."""
