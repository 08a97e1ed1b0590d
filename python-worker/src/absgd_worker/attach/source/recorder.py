"""The protocol of a recorder: it records the steps of a session, as a run of its own or with a controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from absgd_worker.attach.source.lambda_edits import LambdaEdit
from absgd_worker.attach.source.source import ControlSource
from absgd_worker.link.step_entry import StepEntry


@runtime_checkable
class Recorder(Protocol):
    """Records a session. The session calls it from the thread that trains."""

    @property
    def attempt(self) -> int:
        """The attempt of the step under way, from 1. Each restore of an earlier state begins a new one."""
        ...

    @property
    def is_recording(self) -> bool:
        """Whether losses are recorded, or may be: then compiled code must break where they are computed."""
        ...

    @property
    def run_name(self) -> str | None:
        """The name of the run in a folder of this process; None before its first step, or without one."""
        ...

    def begin_step(self, step: int) -> None:
        """A step begins; its controls are known. The first call creates the run."""
        ...

    def report(self, entry: StepEntry) -> None:
        """A step is done: the optimizer has stepped."""
        ...

    def evaluated(self, split: str, metrics: Mapping[str, float]) -> None:
        """Records an evaluation of the script, after the step that was reported last."""
        ...

    def note(self, text: str, *, is_warning: bool = True) -> None:
        """Records a message, with the step that was reported last."""
        ...

    def edited(self, edit: LambdaEdit) -> None:
        """Records an edit that a recipe or its guard has made."""
        ...

    def begin_run(self) -> None:
        """Another training of this process begins: its steps, from 0, are another run.

        Raises:
            SessionError: only one training can be recorded.
        """
        ...

    def run_state(self) -> Mapping[str, Any] | None:
        """Data by which a later process finds this run; None before its first step, or without a run.

        All steps so far are in the run's log when this returns.
        """
        ...

    def resume(self, run_state: Mapping[str, Any] | None, step: int) -> None:
        """A saved state was loaded: what follows is a new attempt, from `step` on, of the run it names."""
        ...

    def close(self, error: BaseException | None) -> None:
        """The training loop has ended, by itself or by `error`. Called once."""
        ...


class NoRecorder:
    """Records nothing."""

    attempt = 1
    is_recording = False
    run_name: str | None = None

    def begin_step(self, step: int) -> None:
        pass

    def report(self, entry: StepEntry) -> None:
        pass

    def evaluated(self, split: str, metrics: Mapping[str, float]) -> None:
        pass

    def note(self, text: str, *, is_warning: bool = True) -> None:
        pass

    def edited(self, edit: LambdaEdit) -> None:
        pass

    def begin_run(self) -> None:
        pass

    def run_state(self) -> Mapping[str, Any] | None:
        return None

    def resume(self, run_state: Mapping[str, Any] | None, step: int) -> None:
        pass

    def close(self, error: BaseException | None) -> None:
        pass


class ControlsAndRecorder(NamedTuple):
    """Where the controls of a session come from, and who records it."""

    controls: ControlSource
    recorder: Recorder


def with_recorder(source: ControlSource | ControlsAndRecorder) -> ControlsAndRecorder:
    """A source with its recorder: a source that can record, such as a controller, is its own."""
    if isinstance(source, ControlsAndRecorder):
        return source
    return ControlsAndRecorder(source, source if isinstance(source, Recorder) else NoRecorder())
