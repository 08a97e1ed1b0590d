"""A script under a controller: it connects at its first training step."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.hooks.distributed_ranks import global_rank
from absgd_worker.attach.hooks.hyperparameters import initial_values
from absgd_worker.attach.source.bye_for_exit import bye_of
from absgd_worker.attach.source.lambda_edits import LambdaEdit
from absgd_worker.attach.source.script_actions import ScriptActions
from absgd_worker.attach.source.source import Script, StopTraining
from absgd_worker.device.ordered import OrderedReports
from absgd_worker.link.command_loop import CommandLoop, WorkerFault
from absgd_worker.link.courier_process import Courier, early_courier
from absgd_worker.link.environment import Address
from absgd_worker.link.exchange import Exchange
from absgd_worker.link.hello import objection, script_hello
from absgd_worker.link.open_courier import new_incarnation, serve_controller
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.link.wire.messages import Bye, EventKind, Position, Reason
from absgd_worker.link.wire.records import INFO_LEVEL, Evaluation, Note
from absgd_worker.review.applied import ReviewNotes
from absgd_worker.weights import Rule


class ControllerSource:
    """A control source and a recorder: the controller plans the controls and records the reports.

    Only the first of several ranks connects; on the others lambda is off.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._script: Script | None = None
        self._connection: _Connection | None = None
        self._is_follower: bool | None = None
        self._events: list[EventKind] = []
        """Planned for the steps since `process_commands` was called last."""
        self._reviews = ReviewNotes()

    # The methods of a control source.

    def begin(self, script: Script) -> None:
        self._script = script

    @property
    def rule(self) -> Rule | None:
        welcome = None if self._connection is None else self._connection.exchange.welcome
        return None if welcome is None else welcome.weighting

    @property
    def chooses_rule(self) -> bool:
        # A rank that does not connect has no weights.
        return True

    @property
    def wants_lambda(self) -> bool:
        # An operator may set it at any time.
        return not self._is_follower

    def is_on_at(self, step: int) -> bool:
        return self.wants_lambda

    @property
    def has_guard(self) -> bool:
        # It is the controller's; an experiment may switch it off.
        return True

    def next(self, step: int) -> Mapping[str, float]:
        """See `ControlSource`. The first call connects, and waits until the controller admits the script.

        Raises:
            SessionError: the controller refuses this script, or its state was loaded after its first step.
        """
        if self._is_follower is None:
            # The rank is known by the first step, often not before: processes of a launcher begin alike.
            self._is_follower = global_rank() != 0
        if self._is_follower:
            return {"lambda": math.inf}
        connection = self._connection or self._connect(step)
        status, commands = connection.exchange.status, connection.commands
        if step != status.step:
            raise SessionError(
                f"the session is at step {step:,}, the controller at {status.step:,}: load a session's "
                "state before the first step"
            )
        try:
            while (row := commands.next_row()) is None:
                if commands.ending is not None:
                    raise _stop_of(commands.ending)
                end = self.end_of_plan(step)
                if end is not None:
                    raise end
        except WorkerFault as error:
            raise _refusal(error) from None
        self._events += [event for event in row.events if event not in self._events]
        return row.controls

    def process_commands(self, step: int) -> StopTraining | None:
        if self._connection is None:
            return None
        events, self._events = self._events, []
        actions, commands = self._connection.actions, self._connection.commands
        try:
            if events:
                self._connection.reports.hand_over()
            if EventKind.EVALUATE in events:
                actions.evaluate()
        finally:
            # A failed evaluation ends the script, but it must still be saved at this step.
            if EventKind.CHECKPOINT in events:
                actions.try_to_checkpoint()
        try:
            commands.process_commands()
        except WorkerFault as error:
            raise _refusal(error) from None
        return None if commands.ending is None else _stop_of(commands.ending)

    def await_plan(self, step: int) -> None:
        if self._connection is None:
            return
        try:
            self._connection.commands.await_plan()
        except WorkerFault as error:
            raise _refusal(error) from None

    def end_of_plan(self, step: int) -> StopTraining | None:
        if self._connection is None or not self._connection.exchange.plan.is_over(step):
            return None
        self._connection.commands.end(Reason.COMPLETED)
        return StopTraining(f"all {step:,} steps of the run are trained")

    # The methods of a recorder.

    @property
    def attempt(self) -> int:
        return 1 if self._connection is None else self._connection.exchange.status.attempt

    @property
    def is_recording(self) -> bool:
        return not self._is_follower

    def begin_step(self, step: int) -> None:
        """Nothing is to be done: `next` has connected."""

    def report(self, entry: StepEntry) -> None:
        if self._connection is None:
            return
        exchange = self._connection.exchange
        for text in self._reviews.take():
            self._connection.reports.append(Note(text, exchange.status.position, level=INFO_LEVEL))
        every = exchange.sample_every
        keep_samples = every > 0 and entry.step % every == 0
        self._connection.reports.append(
            entry._replace(keep_samples=keep_samples, waits=exchange.status.waits)
        )
        exchange.status.position = Position(entry.attempt, entry.step + 1)
        self._connection.commands.count_step()

    def evaluated(self, split: str, metrics: Mapping[str, float]) -> None:
        if self._connection is not None:
            exchange = self._connection.exchange
            attempt, step = exchange.status.position
            self._connection.reports.append(Evaluation(attempt, step - 1, split, metrics, 0, b"", 0.0))

    def note(self, text: str, *, is_warning: bool = True) -> None:
        if self._connection is not None:
            exchange = self._connection.exchange
            self._connection.reports.append(Note(text, exchange.status.position))

    @property
    def run_name(self) -> str | None:
        """The controller knows it."""
        return None

    def edited(self, edit: LambdaEdit) -> None:
        """The controller itself decides lambda: there are no such edits."""

    def begin_run(self) -> None:
        """See `Recorder`. Raises SessionError, always."""
        raise SessionError(
            "another training begins in this script, with a new model and a new optimizer, and a controller "
            "drives one: its plan is that of the first, which is complete with it. Start each training as a "
            "run of its own; or, where both are one training, enter absgd_worker.session() around both"
        )

    def run_state(self) -> None:
        """None: the controller knows the run. What was reported is on disk when this returns."""
        if self._connection is not None and self._connection.pid == os.getpid():
            self._connection.reports.hand_over()
            self._connection.exchange.wait_until_spooled()

    def resume(self, run_state: Mapping[str, Any] | None, step: int) -> None:
        """Nothing is to be done: Hello contains the step."""

    def close(self, error: BaseException | None) -> None:
        """Sends the Bye; a process that was forked from the script's sends none."""
        connection, self._connection = self._connection, None
        if connection is None or connection.pid != os.getpid():
            return
        _ended.add((os.getpid(), self._address.run))
        try:
            exchange, commands = connection.exchange, connection.commands
            if exchange.welcome is not None:
                ending = commands.ending
                if isinstance(error, StopTraining) and error.exit_code == 1:
                    # The plan is complete, but the script is not.
                    ending = None
                commands.send_bye(ending or bye_of(error, exchange.status.position))
        finally:
            connection.courier.close()

    def _connect(self, step: int) -> _Connection:
        address, script = self._address, self._script
        if (os.getpid(), address.run) in _ended:
            raise SessionError(
                f"the controller drives the run {address.run} alone, which ended with an earlier session of "
                "this script: enter one session around all of the training, or start each training as a run "
                "of its own"
            )
        assert script is not None, "begin comes first"
        courier = early_courier()
        exchange = serve_controller(
            courier,
            address,
            script_hello(
                address.run,
                incarnation=new_incarnation(),
                position=Position(0, step),
                initial=initial_values(),
            ),
            origin="script",
            samples=None,
            object_to=lambda welcome, earlier: objection(address.run, welcome, earlier),
        )
        actions = ScriptActions(script, exchange)
        commands, reports = CommandLoop(exchange, actions), OrderedReports(exchange.outgoing)
        commands.hand_over = reports.hand_over
        connection = _Connection(exchange, reports, commands, actions, courier, os.getpid())
        self._connection = connection
        try:
            welcome = connection.commands.await_welcome()
            exchange.status.position = Position(welcome.attempt, step)
            connection.commands.process_commands()
        except WorkerFault as error:
            raise _refusal(error) from None
        return connection


_ended: set[tuple[int, str]] = set()
"""Process id and name of the runs for which this process has sent its Bye."""


class _Connection(NamedTuple):
    """An open connection with the controller."""

    exchange: Exchange
    reports: OrderedReports
    commands: CommandLoop
    actions: ScriptActions
    courier: Courier
    pid: int


def _stop_of(ending: Bye) -> StopTraining:
    message = ending.message or {
        Reason.COMPLETED: "the run is complete",
        Reason.STOPPED: "an operator stopped the run",
    }.get(ending.reason, "the run ended")
    return StopTraining(message, {Reason.FAILED: 1, Reason.ORPHANED: 75}.get(ending.reason, 0))


def _refusal(error: WorkerFault) -> Exception:
    return SessionError(str(error)) if error.exit_code == 1 else StopTraining(str(error), error.exit_code)
