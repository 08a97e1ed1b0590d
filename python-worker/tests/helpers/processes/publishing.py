"""Processes that report to couriers under a fake controller, and what must be true of their records."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absgd_worker.gen import record_pb2
from absgd_worker.link.process_identity import liveness
from fake_controller import PATIENCE, FakeController, stream_of
from project import SOURCE
from run_records import records

PUBLISHER = Path(__file__).with_name("publisher.py")


class Publishing:
    """A process of `publisher.py`, and its controller."""

    def __init__(
        self, run_dir: Path, sockets: Path, does: list[Any], variables: dict[str, str], *, log: bool = False
    ) -> None:
        self.run_dir = run_dir
        run_dir.mkdir(exist_ok=True)
        self.controller = FakeController(sockets)
        self.is_alone = False
        """Whether the controller is closed."""
        self.printed = run_dir / "printed"
        plan = {"run_dir": str(run_dir), "sockets": "" if log else str(sockets), "does": does}
        self.process = subprocess.Popen(
            [sys.executable, str(PUBLISHER), json.dumps(plan)],
            stdin=subprocess.PIPE,
            stdout=self.printed.open("w"),
            stderr=(run_dir / "errors").open("w"),
            env={**os.environ, "PYTHONPATH": str(SOURCE), "ABSGD_COURIER": "process", **variables},
        )

    def logged(self) -> list[record_pb2.Record]:
        """The records of the run's log, without those of a controller."""
        return [
            record for stream in ("steps", "samples") for record in records(self.run_dir / f"{stream}.log")
        ]

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Waits for a condition. The controller is served meanwhile."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"waited {PATIENCE:g} s for {what}: {self.errors}"
            if not self.is_alone:
                self.controller.poll()

    def leave_alone(self) -> None:
        """Closes the controller."""
        self.is_alone = True
        self.controller.close()

    @property
    def errors(self) -> str:
        return (self.run_dir / "errors").read_text()

    def wait(self) -> tuple[int, int]:
        """The exit code, and the number of steps that were published."""
        self.until(lambda: self.process.poll() is not None, "the end of the process")
        lines = self.printed.read_text().split()
        return self.process.returncode, int(lines[-1]) if lines else 0

    def pointers(self) -> list[dict[str, Any]]:
        """The files by which couriers that have not left are found."""
        return [json.loads(file.read_text()) for file in (self.run_dir / "spool").glob("*.courier.json")]

    def await_end_of_courier(self) -> None:
        """Until the courier has left, and nothing of it remains in memory or on disk."""
        self.controller.until(lambda: not self.pointers(), "the end of the courier")
        assert not list((self.run_dir / "spool").glob("*courier*"))
        assert not list((self.run_dir / "spool").glob("*overflow*"))
        assert not self.memories()

    def memories(self) -> list[Path]:
        """The files of the memory that the process shares."""
        return list(Path("/dev/shm").glob(f"absgd-ring-{self.process.pid}-*"))

    def courier(self) -> dict[str, Any]:
        """The identity of the courier, once it has begun."""

        def found() -> Any:
            return next((one["courier"] for one in self.pointers() if "courier" in one), None)

        return self.controller.until(found, "the courier's name")


def steps_of(records):
    batches = [record.step_batch for record in records if record.WhichOneof("body") == "step_batch"]
    return [batch.first_step + index for batch in batches for index in range(batch.count)]


def samples_of(records):
    return [step.step for record in records for step in record.sample_batch.steps]


def assert_whole(records, published):
    """Every step and its samples, once and in order; and records whose numbers have no gap."""
    assert steps_of(records) == list(range(published))
    assert samples_of(records) == list(range(published))
    for stream in ("steps", "samples"):
        numbers = [record.seq for record in records if stream_of(record) == stream]
        assert numbers == list(range(1, len(numbers) + 1))


def is_gone(identity: dict[str, Any]) -> bool:
    return liveness(identity) == "gone"
