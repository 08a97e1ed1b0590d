"""A script under a controller: it dials at its first training step, and is driven from there on."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.hooks.distributed_ranks import global_rank
from absgd_worker.attach.hooks.hyperparameters import initial_values
from absgd_worker.attach.source.farewell import farewell
from absgd_worker.attach.source.no_dataset import NoDataset
from absgd_worker.attach.source.script_actions import ScriptActions
from absgd_worker.attach.source.source import Script, StopTraining
from absgd_worker.link.channel import Channel
from absgd_worker.link.command_loop import CommandLoop, WorkerFault
from absgd_worker.link.environment import Address
from absgd_worker.link.hello import objection, script_hello
from absgd_worker.link.messages import Bye, EventKind, Position, Reason
from absgd_worker.link.records import Evaluation
from absgd_worker.link.step_reports import StepEntry
from absgd_worker.link.telemetry import Telemetry
from absgd_worker.link.thread_exchange import ThreadExchange
from absgd_worker.weights import Rule


class ControllerSource:
    """A source of rows that a controller plans. Ranks but the first dial nobody: their lambda is off."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._script: Script | None = None
        self._line: _Line | None = None
        self._is_follower: bool | None = None
        self._events: list[EventKind] = []
        """Of the steps since the loop was whole."""

    def begin(self, script: Script) -> None:
        self._script = script

    @property
    def attempt(self) -> int:
        return 1 if self._line is None else self._line.exchange.standing.attempt

    @property
    def rule(self) -> Rule | None:
        welcome = None if self._line is None else self._line.exchange.welcome
        return None if welcome is None else welcome.weighting

    @property
    def wants_lambda(self) -> bool:
        # An operator may set it at any time.
        return not self._is_follower

    def is_on_at(self, step: int) -> bool:
        return self.wants_lambda

    @property
    def wants_losses(self) -> bool:
        return not self._is_follower

    @property
    def chooses_rule(self) -> bool:
        # A rank that dials nobody has no weights.
        return True

    @property
    def has_guard(self) -> bool:
        # The controller's; an experiment may say that there is to be none.
        return True

    def next(self, step: int) -> Mapping[str, float]:
        """See `Source`; the first call dials, and waits to be admitted.

        Raises:
            SessionError: the controller refuses this script, or its state was loaded after its first step.
        """
        if self._is_follower is None:
            # Known by the first step, and often not before: processes of a launcher begin alike.
            self._is_follower = global_rank() != 0
        if self._is_follower:
            return {"lambda": math.inf}
        line = self._line or self._dial(step)
        standing = line.exchange.standing
        if step != standing.step:
            raise SessionError(
                f"the session is at step {step:,}, the controller at {standing.step:,}: load a session's "
                "state before the first step"
            )
        try:
            while True:
                row = line.helm.next_row()
                if row is not None:
                    self._events += [one for one in row.events if one not in self._events]
                    return row.controls
                if line.helm.ending is not None:
                    raise _stop_of(line.helm.ending)
                over = self.over(step)
                if over is not None:
                    raise over
                line.helm.stand()
        except WorkerFault as error:
            raise _refusal(error) from None

    def report(self, entry: StepEntry) -> None:
        if self._line is None:
            return
        exchange = self._line.exchange
        every = exchange.sample_every
        keep_samples = every > 0 and entry.step % every == 0
        exchange.ring.append(entry._replace(keep_samples=keep_samples, waits=exchange.standing.waits))
        exchange.standing.position = Position(entry.attempt, entry.step + 1)
        self._line.helm.count_step()

    def between(self, step: int) -> StopTraining | None:
        if self._line is None:
            return None
        events, self._events = self._events, []
        try:
            if EventKind.EVALUATE in events:
                self._line.deeds.evaluate()
        finally:
            # What goes wrong in an evaluation ends the script, and must not cost what it saves at this step.
            if EventKind.CHECKPOINT in events:
                self._line.deeds.try_to_checkpoint()
        try:
            self._line.helm.stand()
        except WorkerFault as error:
            raise _refusal(error) from None
        ending = self._line.helm.ending
        return None if ending is None else _stop_of(ending)

    def look_ahead(self, step: int) -> None:
        if self._line is None:
            return
        try:
            self._line.helm.await_row()
        except WorkerFault as error:
            raise _refusal(error) from None

    def begin_anew(self) -> None:
        """See `Source`. Raises SessionError, always."""
        raise SessionError(
            "another training begins in this script, with a new model and a new optimizer, and a controller "
            "drives one: its plan is that of the first, which is complete with it. Start each training as a "
            "run of its own; or, where both are one training, enter absgd_worker.session() around both"
        )

    def over(self, step: int) -> StopTraining | None:
        if self._line is None or not self._line.exchange.plan.is_over(step):
            return None
        self._line.helm.end(Reason.COMPLETED)
        return StopTraining(f"all {step:,} steps of the run are trained")

    def place(self) -> None:
        """Nowhere that a later process is to be told; what was reported is on disk when this returns."""
        if self._line is not None and self._line.pid == os.getpid():
            self._line.exchange.settle()

    def go_on(self, place: Mapping[str, Any] | None, step: int) -> None:
        """The controller is told of the step in Hello."""

    def evaluated(self, split: str, metrics: Mapping[str, float]) -> None:
        if self._line is not None:
            attempt, step = self._line.exchange.standing.position
            self._line.exchange.ring.append(Evaluation(attempt, step - 1, split, metrics, 0, b"", 0.0))

    def close(self, error: BaseException | None) -> None:
        """Says the last word. A process that was forked from the script's has none to say."""
        line, self._line = self._line, None
        if line is None or line.pid != os.getpid():
            return
        _left.add((os.getpid(), self._address.run))
        try:
            if line.exchange.welcome is not None:
                ending = line.helm.ending
                if isinstance(error, StopTraining) and error.exit_code == 1:
                    # The plan is complete, and the script is not.
                    ending = None
                line.helm.leave(ending or farewell(error, line.exchange.standing.position))
        finally:
            line.channel.close()

    def _dial(self, step: int) -> _Line:
        address, script = self._address, self._script
        if (os.getpid(), address.run) in _left:
            raise SessionError(
                f"the controller drives the run {address.run} alone, which ended with an earlier session of "
                "this script: enter one session around all of the training, or start each training as a run "
                "of its own"
            )
        assert script is not None, "begin comes first"
        exchange = ThreadExchange()
        exchange.standing.position = Position(0, step)
        incarnation = int.from_bytes(os.urandom(8), "big")
        initial = initial_values()
        channel = Channel(
            (address.control, address.telemetry),
            exchange,
            Telemetry(
                NoDataset(), origin="script", incarnation=incarnation, directory=address.run_dir / "spool"
            ),
            introduce=lambda: script_hello(
                address.run,
                incarnation=incarnation,
                position=exchange.standing.position,
                planned_through=exchange.plan.planned_through(),
                initial=initial,
            ),
            object_to=lambda welcome: objection(address.run, welcome, exchange.welcome),
        )
        deeds = ScriptActions(script, exchange)
        line = self._line = _Line(exchange, CommandLoop(exchange, deeds), deeds, channel, os.getpid())
        channel.start()
        try:
            welcome = line.helm.await_welcome()
            exchange.standing.position = Position(welcome.attempt, step)
            line.helm.stand()
        except WorkerFault as error:
            raise _refusal(error) from None
        return line


_left: set[tuple[int, str]] = set()
"""Runs to which this process has said its last word."""


class _Line(NamedTuple):
    """An open connection, and who it connects."""

    exchange: ThreadExchange
    helm: CommandLoop
    deeds: ScriptActions
    channel: Channel
    pid: int


def _stop_of(ending: Bye) -> StopTraining:
    said = ending.message or {
        Reason.COMPLETED: "the run is complete",
        Reason.STOPPED: "an operator stopped the run",
    }.get(ending.reason, "the run ended")
    return StopTraining(said, {Reason.FAILED: 1, Reason.ORPHANED: 75}.get(ending.reason, 0))


def _refusal(error: WorkerFault) -> Exception:
    return SessionError(str(error)) if error.exit_code == 1 else StopTraining(str(error), error.exit_code)
