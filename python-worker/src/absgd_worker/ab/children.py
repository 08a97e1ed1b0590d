"""Runs the trainings of a comparison as processes, some at a time."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from absgd_worker.ab.trainings import Training
from absgd_worker.link.environment import RESULT_VARIABLE


def run_all(trainings: Iterable[Training], jobs: int) -> Iterator[tuple[Training, int]]:
    """Each training with its exit code, as soon as it has ended. Stopping early ends the others."""
    waiting = list(trainings)
    running: dict[int, tuple[Training, subprocess.Popen[bytes]]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                training = waiting.pop(0)
                process = _start(training)
                running[process.pid] = training, process
            training, process = _wait_for_any(running)
            del running[process.pid]
            yield training, process.returncode
    finally:
        for _, process in running.values():
            process.send_signal(signal.SIGINT)
        for _, process in running.values():
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start(training: Training) -> subprocess.Popen[bytes]:
    training.folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **training.environment, RESULT_VARIABLE: str(training.result)}
    with training.output.open("wb") as output:
        # In a session of its own: Ctrl-C is passed on once, by this process.
        return subprocess.Popen(
            training.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )


def _wait_for_any(
    running: dict[int, tuple[Training, subprocess.Popen[bytes]]],
) -> tuple[Training, subprocess.Popen[bytes]]:
    if len(running) == 1:
        [(training, process)] = running.values()
        process.wait()
        return training, process
    while True:
        for training, process in running.values():
            try:
                process.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            return training, process


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt, like Ctrl-C."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.05
