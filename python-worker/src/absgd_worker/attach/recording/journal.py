"""Records a run without a controller, in a run directory of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from absgd_worker.attach.hooks.distributed_ranks import global_rank
from absgd_worker.attach.recording.run_directory import Parent, RunPlace, RunPlan, make_run_directory
from absgd_worker.attach.recording.writer import LogWriter, finish_closing
from absgd_worker.attach.source.bye_for_exit import bye_of
from absgd_worker.attach.source.lambda_edits import LambdaEdit
from absgd_worker.console import complain
from absgd_worker.link.hello import script_hello
from absgd_worker.link.run_lock import is_locked, is_take_over_asked, locked_error
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.link.wire.messages import Position
from absgd_worker.link.wire.record_codec import attempt_begun
from absgd_worker.link.wire.records import (
    INFO_LEVEL,
    WARNING_LEVEL,
    Change,
    EditMade,
    EditRequested,
    EditSettled,
    Evaluation,
    Joined,
    Note,
    Rewind,
)
from absgd_worker.review.applied import ReviewNotes


class Journal:
    """A recorder that writes a run directory.

    The first step creates the directory, or continues that of an earlier process. A courier writes the
    reports as records, ten times a second; training does not wait for it. Only the first of several ranks
    records.
    """

    def __init__(self, plan: RunPlan) -> None:
        self._plan = plan
        self._place: RunPlace | None = None
        self._writer: LogWriter | None = None
        self._position = Position(1, 0)
        self._reviews = ReviewNotes()

    @property
    def attempt(self) -> int:
        return self._position.attempt

    @property
    def is_recording(self) -> bool:
        return True

    @property
    def run_name(self) -> str | None:
        return None if self._place is None else self._place.directory.name

    def begin_step(self, step: int) -> None:
        # The rank is known by the first step, often not before. The other ranks train the same model.
        if self._writer is None and global_rank() == 0:
            self._begin(step)
        if self._writer is not None:
            for text in self._reviews.take():
                self._writer.append(Note(text, self._position, level=INFO_LEVEL))

    def report(self, entry: StepEntry) -> None:
        self._position = Position(entry.attempt, entry.step + 1)
        if self._writer is not None:
            self._writer.set_position(self._position)
            self._writer.append(entry)

    def evaluated(self, split: str, metrics: Mapping[str, float]) -> None:
        attempt, step = self._position
        if self._writer is not None:
            self._writer.append(Evaluation(attempt, step - 1, split, metrics, 0, b"", 0.0))

    def note(self, text: str, *, is_warning: bool = True) -> None:
        if self._writer is not None:
            level = WARNING_LEVEL if is_warning else INFO_LEVEL
            self._writer.append(Note(text=text, position=self._position, level=level))

    def edited(self, edit: LambdaEdit) -> None:
        if self._writer is None:
            return
        name = f"{edit.by}-{self.attempt}-{edit.step}"
        change = Change("lambda", edit.text or "", edit.factor, Position(self.attempt, edit.step))
        self._writer.append(EditRequested(name, edit.by, edit.why, change, change.at))
        self._writer.append(EditMade(name, edit.by, change, edit.before, edit.after))
        self._writer.append(EditSettled(name, edit.step, f"lambda {edit.before:g} → {edit.after:g}"))

    def begin_run(self) -> None:
        """Ends this run; the next step creates another one."""
        if self._writer is not None:
            self._writer.append(bye_of(None, self._position))
            self._writer.close()
        self._writer, self._place = None, None
        self._position = Position(1, 0)
        self._plan = replace(self._plan, is_exact=False)

    def run_state(self) -> Mapping[str, Any] | None:
        """The name and directory of the run, with all steps so far in its log; None before its first step."""
        if self._writer is not None:
            self._writer.write()
        return None if self._place is None else self._place.to_state()

    def resume(self, run_state: Mapping[str, Any] | None, step: int) -> None:
        """The next step is `step` of the run in `run_state`, or of this run if it has begun already.

        Raises:
            SessionError: a living process writes that run. ValueError: `run_state` is not one.
        """
        if self._writer is not None:
            self._position = Position(self.attempt + 1, step)
            self._place = None if self._place is None else replace(self._place, attempt=self.attempt)
            self._writer.append(Rewind(*self._position, "restore"))
            return
        self._position = Position(1, step)
        if run_state is None:
            return
        self._place = RunPlace.from_state(run_state)
        finish_closing()
        is_writer = self._continues_run and global_rank() == 0
        if is_writer and is_locked(self._place.directory, is_take_over_asked()):
            raise locked_error(self._place.directory)

    def close(self, error: BaseException | None) -> None:
        if self._writer is not None:
            self._writer.append(bye_of(error, self._position))
            self._writer.close()

    @property
    def _continues_run(self) -> bool:
        """Whether to append to the run of a loaded state: it exists, and has the name that was asked for."""
        return self._place is not None and self._place.exists and self._place.name == self._plan.name

    def _begin(self, step: int) -> None:
        former = self._place
        if former is not None and self._continues_run:
            self._continue_run(former, step)
        else:
            self._create_run(former, step)

    def _continue_run(self, place: RunPlace, step: int) -> None:
        attempts = [place.attempt]
        writer = LogWriter(place.directory, lambda payload: attempts.append(attempt_begun(payload)))
        # A process that died before it saved a state has begun an attempt, too.
        self._start(writer, place, Position(max(attempts) + 1, step), "resume")

    def _create_run(self, former: RunPlace | None, step: int) -> None:
        parent = None
        if former is not None and former.exists:
            parent = Parent(former.directory.name, former.directory, step)
        directory = make_run_directory(self._plan, parent)
        if former is not None and parent is None:
            complain(
                f"absgd: {former.directory} is gone, where the run of this state was recorded: it goes on as "
                f"the run {directory.name} in {directory}"
            )
        writer = LogWriter(directory, lambda _payload: None)
        # The earlier steps are in the log of the parent run, if there is one.
        cause = "fork" if step > 0 else None
        self._start(writer, RunPlace(self._plan.name, directory, 1), Position(1, step), cause)

    def _start(self, writer: LogWriter, place: RunPlace, position: Position, cause: str | None) -> None:
        self._writer = writer
        self._reviews = ReviewNotes()
        self._position = position
        self._place = RunPlace(place.name, place.directory, position.attempt)
        writer.set_position(position)
        if cause is not None:
            writer.append(Rewind(*position, cause))
        hello = script_hello(place.directory.name, incarnation=writer.incarnation, position=position)
        writer.append(Joined(hello, position.attempt))
