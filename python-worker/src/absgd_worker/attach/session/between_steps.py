"""What a session does between two steps: what an operator asked for, and another training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch

from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.hooks.distributed_ranks import global_rank
from absgd_worker.attach.session.trainings import EACH_ITS_SESSION, Trainings
from absgd_worker.attach.source.recorder import Recorder
from absgd_worker.attach.source.source import ControlSource, StopTraining
from absgd_worker.console import complain, count


class Steps(Protocol):
    """What is needed here of a session."""

    source: ControlSource
    recorder: Recorder
    trainings: Trainings
    step: int
    stopping: StopTraining | None
    on_stop: Callable[[], None] | None
    may_begin_anew: bool
    is_told_of_another: bool

    @property
    def was_off(self) -> bool: ...
    @property
    def wants_losses(self) -> bool: ...


def carry_out(session: Steps) -> StopTraining | None:
    """Has the source carry out what was asked for, all of the last step being done.

    Returns:
        Why training is to stop here. A framework that ends training by itself is told.
    """
    with outside_of_autocast():
        stop = session.source.process_commands(session.step)
    if stop is None and session.on_stop is not None:
        stop = session.source.end_of_plan(session.step)
    if stop is not None:
        session.stopping = stop
        if session.on_stop is not None:
            session.on_stop()
    return stop


def begin_another(session: Steps) -> bool:
    """Another training begins in the script: says so.

    Returns:
        Whether the session begins anew, with steps, controls, estimates and a run of its own. One that the
        script has entered is one training.

    Raises:
        SessionError: its recorder can record only one training.
    """
    if not session.may_begin_anew:
        if not session.is_told_of_another and session.source.wants_lambda:
            session.is_told_of_another = True
            complain(
                "absgd: another model is trained in this session, with an optimizer of its own: lambda "
                f"goes on, at step {session.step:,}, and the estimate begins anew. {EACH_ITS_SESSION}"
            )
        return False
    try:
        session.recorder.begin_run()
    except SessionError as error:
        if not session.was_off:
            raise
        # While lambda is off, nothing that trains without us may fail with us.
        complain(f"absgd: {error}. Lambda is off: it is trained on, and counted as one with the first")
        return False
    number = session.trainings.count + 1
    if session.wants_losses and number <= MOST_ANNOUNCED and global_rank() == 0:
        complain(
            f"absgd: training {number} of this script begins, with a new model and a new optimizer: its "
            f"steps, lambda and estimate begin at 0 (the one before had {count(session.step, 'step')})"
        )
    return True


@contextmanager
def outside_of_autocast() -> Iterator[None]:
    """The next forward pass may have begun within autocast, which what an operator asks for is none of.

    Copies of weights that an evaluation has made there have no gradient, and would be used again.
    """
    kinds = [kind for kind in ("cpu", "cuda", "mps", "xpu") if torch.is_autocast_enabled(kind)]
    if not kinds:
        yield
        return
    enabled = [(kind, torch.get_autocast_dtype(kind)) for kind in kinds]
    for kind in kinds:
        torch.set_autocast_enabled(kind, False)
    torch.clear_autocast_cache()
    try:
        yield
    finally:
        torch.clear_autocast_cache()
        for kind, dtype in enabled:
            torch.set_autocast_enabled(kind, True)
            torch.set_autocast_dtype(kind, dtype)


MOST_ANNOUNCED = 20
"""Trainings that are said to begin."""
