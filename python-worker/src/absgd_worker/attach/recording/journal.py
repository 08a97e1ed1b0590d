"""Records a run that no controller drives, as a run log of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from absgd_worker.attach.hooks.distributed_ranks import global_rank
from absgd_worker.attach.recording.run_directory import Parent, RunPlace, RunPlan, make_run_directory
from absgd_worker.attach.recording.run_lock import held, is_held, is_take_over_asked
from absgd_worker.attach.recording.writer import Recording, finish_closing
from absgd_worker.attach.source.farewell import farewell
from absgd_worker.attach.source.source import Script, Source, StopTraining
from absgd_worker.console import complain
from absgd_worker.link.codec import attempt_begun
from absgd_worker.link.hello import script_hello
from absgd_worker.link.messages import Position
from absgd_worker.link.records import Evaluation, Joined, Note, Rewind
from absgd_worker.link.step_reports import StepEntry
from absgd_worker.link.thread_exchange import FromTraining
from absgd_worker.weights import Rule


class Journal:
    """A source that passes on the controls of another one, and writes down what is reported.

    The directory is made, or an earlier process's taken up, with the first step. A thread of its own turns
    reports into records, ten times a second; training hands them over and goes on. Of several ranks the first
    records.
    """

    def __init__(self, source: Source, plan: RunPlan) -> None:
        self._source = source
        self._plan = plan
        self._place: RunPlace | None = None
        self._ring: deque[FromTraining] = deque()
        self._recording: Recording | None = None
        self._position = Position(1, 0)

    @property
    def attempt(self) -> int:
        return self._position.attempt

    @property
    def rule(self) -> Rule | None:
        return self._source.rule

    def begin(self, script: Script) -> None:
        self._source.begin(script)

    def next(self, step: int) -> Mapping[str, float]:
        controls = self._source.next(step)
        # Known by the first step, and often not before. The other ranks train the same model.
        if self._recording is None and global_rank() == 0:
            self._begin(step)
        return controls

    def report(self, entry: StepEntry) -> None:
        self._position = Position(entry.attempt, entry.step + 1)
        if self._recording is not None:
            self._ring.append(entry)

    @property
    def wants_lambda(self) -> bool:
        return self._source.wants_lambda

    def is_on_at(self, step: int) -> bool:
        return self._source.is_on_at(step)

    @property
    def wants_losses(self) -> bool:
        return True

    @property
    def chooses_rule(self) -> bool:
        return self._source.chooses_rule

    @property
    def has_guard(self) -> bool:
        return self._source.has_guard

    def note(self, text: str) -> None:
        if self._recording is not None:
            self._ring.append(Note(text=text, position=self._position))

    def between(self, step: int) -> StopTraining | None:
        return self._source.between(step)

    def look_ahead(self, step: int) -> None:
        self._source.look_ahead(step)

    def begin_anew(self) -> None:
        """The run ends, and another one is made with the next step."""
        self._source.begin_anew()
        if self._recording is not None:
            self._ring.append(farewell(None, self._position))
            self._recording.close()
        self._recording, self._place, self._ring = None, None, deque()
        self._position = Position(1, 0)
        self._plan = replace(self._plan, is_exact=False)

    def over(self, step: int) -> StopTraining | None:
        return self._source.over(step)

    def evaluated(self, split: str, metrics: Mapping[str, float]) -> None:
        attempt, step = self._position
        if self._recording is not None:
            self._ring.append(Evaluation(attempt, step - 1, split, metrics, 0, b"", 0.0))

    def close(self, error: BaseException | None) -> None:
        self._source.close(error)
        if self._recording is not None:
            self._ring.append(farewell(error, self._position))
            self._recording.close()

    def place(self) -> Mapping[str, Any] | None:
        """Where the run is recorded, every step so far included; None before its first step."""
        if self._recording is not None:
            self._recording.write()
        return None if self._place is None else self._place.to_state()

    def go_on(self, place: Mapping[str, Any] | None, step: int) -> None:
        """The run of `place` goes on, or this one goes back, to the step that begins next.

        Raises:
            SessionError: a living process writes that run. ValueError: no place.
        """
        if self._recording is not None:
            self._position = Position(self.attempt + 1, step)
            self._place = None if self._place is None else replace(self._place, attempt=self.attempt)
            self._ring.append(Rewind(*self._position, "restore"))
            return
        self._position = Position(1, step)
        if place is None:
            return
        self._place = RunPlace.from_state(place)
        finish_closing()
        is_writer = self._goes_on and global_rank() == 0
        if is_writer and is_held(self._place.directory, is_take_over_asked()):
            raise held(self._place.directory)

    @property
    def _goes_on(self) -> bool:
        """Whether the run that a state names is to be written on: it is there, and has the name asked for."""
        return self._place is not None and self._place.exists and self._place.name == self._plan.name

    def _begin(self, step: int) -> None:
        former = self._place
        if former is not None and self._goes_on:
            self._take_up(former, step)
        else:
            self._make(former, step)

    def _take_up(self, place: RunPlace, step: int) -> None:
        attempts = [place.attempt]
        recording = Recording(
            place.directory, self._ring, lambda payload: attempts.append(attempt_begun(payload))
        )
        # One that died before it saved anything has begun an attempt, too.
        self._start(recording, place, Position(max(attempts) + 1, step), "resume")

    def _make(self, former: RunPlace | None, step: int) -> None:
        parent = None
        if former is not None and former.exists:
            parent = Parent(former.directory.name, former.directory, step)
        directory = make_run_directory(self._plan, parent)
        if former is not None and parent is None:
            complain(
                f"absgd: {former.directory} is gone, where the run of this state was recorded: it goes on as "
                f"the run {directory.name} in {directory}"
            )
        recording = Recording(directory, self._ring, lambda _payload: None)
        # The steps before it are in its parent's log, or in none.
        cause = "fork" if step > 0 else None
        self._start(recording, RunPlace(self._plan.name, directory, 1), Position(1, step), cause)

    def _start(self, recording: Recording, place: RunPlace, position: Position, cause: str | None) -> None:
        self._recording = recording
        self._position = position
        self._place = RunPlace(place.name, place.directory, position.attempt)
        if cause is not None:
            self._ring.append(Rewind(*position, cause))
        hello = script_hello(place.directory.name, incarnation=recording.incarnation, position=position)
        self._ring.append(Joined(hello, position.attempt))
        recording.start()
