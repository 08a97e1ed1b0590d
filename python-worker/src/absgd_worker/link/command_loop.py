"""Waits for the planned row of each step, and executes the controller's commands between two steps.

A served task and a script with its own loop both use it; they differ in their `CommandHandler`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from absgd_worker.console import complain, count
from absgd_worker.errors import CheckpointError
from absgd_worker.link.exchange import Exchange
from absgd_worker.link.plan_table import Row
from absgd_worker.link.wire.messages import (
    Abort,
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


class WorkerFault(Exception):
    """The worker must end without a Bye: no controller would receive it."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Refused(Exception):
    """A command was not executed; the message says why."""


class CommandHandler(Protocol):
    """Executes the commands that depend on what is trained. Methods return a sentence for the operator."""

    def checkpoint(self, *, automatic: bool = False) -> str:
        """Raises CheckpointError or Refused."""
        ...

    def try_to_checkpoint(self) -> str:
        """Like `checkpoint`, but returns the error message instead of raising; empty if it succeeded."""
        ...

    def checkpoint_to_stop(self) -> str:
        """Saves before training stops. Raises CheckpointError: then training continues."""
        ...

    def restore(self, path: str, sha256: str, attempt: int) -> str:
        """Raises CheckpointError or Refused."""
        ...

    def evaluate_now(self, may_continue: Callable[[], bool]) -> str:
        """Ends early when `may_continue` returns False. Raises Refused."""
        ...


class CommandLoop:
    """Used by the training thread: `next_row` before each step and `process_commands` after it."""

    def __init__(self, exchange: Exchange, handler: CommandHandler) -> None:
        self._exchange = exchange
        self._status = exchange.status
        self._handler = handler
        self.ending: Bye | None = None
        """The Bye to send; set once training must end."""
        self.hand_over: Callable[[], object] = lambda: None
        """Called before anything waits or is executed: appends the reports that are still on a device."""
        self._terminated = False
        self._paused = False
        # Steps to train before the next pause; None without such a limit.
        self._steps_left: int | None = None
        # The wait for the first row of a process, or after a restore, is part of the start and not counted.
        self._had_row = False

    def terminate(self) -> None:
        """Requests a checkpoint and a stop after the current step, for SIGTERM. Safe in a signal handler."""
        self._terminated = True

    def await_welcome(self) -> Welcome:
        """Waits for the controller's answer to Hello.

        Raises:
            WorkerFault: the controller refuses this worker, none answers within `WELCOME_SECONDS`, or the
                worker receives SIGTERM.
        """
        until = time.monotonic() + WELCOME_SECONDS
        exchange = self._exchange
        while exchange.welcome is None:
            self._wait(lambda: exchange.welcome is not None)
            if self._terminated:
                raise WorkerFault("ended by SIGTERM before training began", 0)
            self._process_inbox()
            if time.monotonic() > until:
                raise WorkerFault(f"no controller answered for {WELCOME_SECONDS:g} s", 75)
        return exchange.welcome

    def process_commands(self) -> None:
        """Executes the commands that have arrived; returns only when training is not paused.

        Raises:
            WorkerFault: the controller refuses this worker.
        """
        self._process_inbox()
        # It is below 0 if a script made further optimizer steps before its loop was known to be complete.
        if self._steps_left is not None and self._steps_left <= 0:
            self._steps_left, self._paused = None, True
        since = time.monotonic()
        while self._paused and self.ending is None:
            self._status.phase = Phase.PAUSED
            self._wait_and_process(since, until=lambda: False)

    def next_row(self) -> Row | None:
        """The row of the next step. Waits while it is not known, and executes commands meanwhile.

        Returns:
            None when training must end (`ending` is set) or the run has no further step.

        Raises:
            WorkerFault: the controller refuses this worker.
        """
        plan, status = self._exchange.plan, self._status
        while self.ending is None and not plan.is_over(status.step):
            if (row := plan.take(status.step)) is not None:
                self._had_row = True
                status.phase = Phase.TRAINING
                return row
            self._wait_for_row()
            self.process_commands()
        return None

    def await_plan(self) -> None:
        """Waits until the plan has the next step or the run's end is known; executes commands meanwhile.

        Unlike `next_row` it does not begin the step. Raises as `process_commands` does.
        """
        while self.ending is None and not self._is_next_step_known():
            self._wait_for_row()
            self.process_commands()

    def count_step(self) -> None:
        """Counts a trained step, for the command `step_on`."""
        if self._steps_left is not None:
            self._steps_left -= 1

    def end(self, reason: Reason, message: str = "") -> None:
        """Ends training at this position."""
        self.ending = Bye(reason, self._status.position, message)

    def send_bye(self, bye: Bye) -> None:
        """Sends the Bye, and waits until the controller has received it and everything before it."""
        exchange = self._exchange
        self._status.phase = Phase.ENDING
        self.hand_over()
        exchange.outgoing.append(bye)
        exchange.flush()
        until = time.monotonic() + (0.0 if bye.reason is Reason.ORPHANED else RELEASE_SECONDS)
        while not exchange.released and not self._terminated and time.monotonic() < until:
            self._wait(lambda: exchange.released)
            while exchange.inbox:
                self._refuse_late(exchange.inbox.popleft())

    def may_continue(self) -> bool:
        """Whether a long action may continue: False once the worker is asked to stop."""
        self._exchange.poll()
        inbox = self._exchange.inbox
        is_asked = any(isinstance(one, Abort) or isinstance(one.action, Stop) for one in inbox)
        return not self._terminated and not is_asked

    def _wait_for_row(self) -> None:
        began = time.monotonic()
        counted = self._had_row
        if counted:
            self._status.phase = Phase.WAITING
            self._status.count_wait()
            # A feedback schedule may need the pending reports to compute the next row.
            self.hand_over()
            self._exchange.flush()
        while self.ending is None and not self._paused and not self._is_next_step_known():
            self._wait_and_process(began, until=self._is_next_step_known)
        if counted:
            self._status.add_waited(time.monotonic() - began)

    def _is_next_step_known(self) -> bool:
        plan, step = self._exchange.plan, self._status.step
        return plan.planned_through() > step or plan.is_over(step)

    def _wait_and_process(self, since: float, *, until: Callable[[], bool]) -> None:
        """Waits up to `LOOK_SECONDS`, executes commands, and ends training if the controller is lost."""
        self._wait(until)
        self._process_inbox()
        welcome, heard = self._exchange.welcome, self._exchange.heard
        limit = welcome.orphan_limit_seconds if welcome else WELCOME_SECONDS
        if self.ending is None and time.monotonic() - max(heard, since) > limit:
            message = f"no controller was heard for {limit:g} s"
            complain(f"{message}: giving up")
            if refusal := self._handler.try_to_checkpoint():
                message += f"; the last steps are not saved: {refusal}"
            self.end(Reason.ORPHANED, message)

    def _wait(self, until: Callable[[], bool]) -> None:
        self.hand_over()
        self._exchange.wait(until, LOOK_SECONDS)

    def _process_inbox(self) -> None:
        self._exchange.poll()
        inbox = self._exchange.inbox
        if inbox or self._terminated:
            self.hand_over()
        if self._terminated and self.ending is None:
            self._stop_for_sigterm()
        while inbox and self.ending is None:
            message = inbox.popleft()
            if isinstance(message, Abort):
                if message.is_internal:
                    self._handler.try_to_checkpoint()
                raise WorkerFault(message.message)
            self._execute_and_answer(message)

    def _execute_and_answer(self, command: Command) -> None:
        try:
            message, ok = self._execute(command.action), True
        except (Refused, CheckpointError) as error:
            message, ok = f"refused: {error}", False
        complain(f"{type(command.action).__name__.lower()} at step {self._status.step:,}: {message}")
        self._exchange.outgoing.append(CommandResult(command.id, ok, self._status.step, message))
        self._exchange.flush()

    def _refuse_late(self, message: Command | Abort) -> None:
        if isinstance(message, Command):
            ok = isinstance(message.action, Stop)
            result = CommandResult(message.id, ok, self._status.step, "training is over")
            self._exchange.outgoing.append(result)
            self._exchange.flush()

    def _execute(self, action: Action) -> str:
        message = ""
        match action:
            case Pause():
                self._paused, self._steps_left = True, None
                message = "paused"
            case Resume():
                self._paused, self._steps_left = False, None
                message = "training goes on"
            case StepOn(steps):
                message = self._step_on(steps)
            case Checkpoint(automatic):
                message = self._handler.checkpoint(automatic=automatic)
            case Restore(path, sha256, attempt):
                message = self._handler.restore(path, sha256, attempt)
                self._had_row = False
            case Evaluate():
                message = self._handler.evaluate_now(self.may_continue)
            case Stop(with_checkpoint):
                message = self._stop(with_checkpoint)
        return message

    def _step_on(self, steps: int) -> str:
        if not self._paused and self._steps_left is None:
            raise Refused("training is not paused: pause it first")
        if steps < 1:
            raise Refused(f"{steps} steps cannot be trained: ask for 1 or more")
        self._paused, self._steps_left = False, max(self._steps_left or 0, 0) + steps
        return f"{count(self._steps_left, 'step')} to train"

    def _stop(self, with_checkpoint: bool) -> str:
        saved = self._handler.checkpoint_to_stop() if with_checkpoint else "without a checkpoint"
        self.end(Reason.STOPPED)
        return f"stopped: {saved}"

    def _stop_for_sigterm(self) -> None:
        complain("SIGTERM: writing a checkpoint, then stopping")
        try:
            self._handler.checkpoint_to_stop()
            self.end(Reason.STOPPED)
        except CheckpointError as error:
            self.end(Reason.FAILED, f"ended by SIGTERM without a checkpoint: {error}")


WELCOME_SECONDS = 600.0
"""After this time a controller that has not admitted a worker has itself given up."""

RELEASE_SECONDS = 10.0
"""How long a worker waits for Released after its Bye. If it does not come, the spool stays on disk."""

LOOK_SECONDS = 0.2
"""How often a waiting training thread checks for SIGTERM and for a lost controller."""
