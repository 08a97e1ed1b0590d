"""Workers as processes of their own, and what they leave on disk."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from absgd_worker.gen import record_pb2
from fake_controller import PATIENCE
from project import SOURCE, TESTS
from warm_interpreter import WarmProcess

TASK = TESTS / "tasks" / "blobs.py"


class Worker:
    """A served worker: output onto `worker.log`, nothing on stdin, a session of its own.

    `file_limit`: no file may become larger than this many bytes, as on a full disk. `script`: what
    `absgd-run` is given, in place of a task; it runs in the run directory. `constants`: as of `WarmProcess`;
    it reports its progress more often than in practice.
    """

    def __init__(
        self,
        run_dir: Path,
        sockets: Path,
        *,
        task: str = f"{TASK}:build",
        params: Mapping | None = None,
        file_limit: int | None = None,
        script: Sequence[str] = (),
        constants: Mapping[str, float] | None = None,
        **environment: str,
    ) -> None:
        run_dir.mkdir(parents=True, exist_ok=True)
        self.run_dir = run_dir
        self.log = run_dir / "worker.log"
        module = "absgd_worker.run" if script else "absgd_worker.serve"
        with open(self.log, "ab") as output:
            self._process = WarmProcess(
                "-m",
                module,
                *script,
                cwd=run_dir if script else None,
                env={**os.environ, **worker_environment(run_dir, sockets, task, params, environment)},
                stdout=output,
                stderr=output,
                new_session=True,
                file_limit=file_limit,
                keeps_package=True,
                constants={"absgd_worker.link.courier.channel.PROGRESS_SECONDS": 0.2, **(constants or {})},
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self) -> int:
        """The exit code."""
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still alive after {PATIENCE:g} s: {self.output}") from None

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()

    @property
    def output(self) -> str:
        return self.log.read_text()


def run_interpreter(run_dir: Path, sockets: Path, params: Mapping | None = None) -> subprocess.Popen[bytes]:
    """A worker as a controller starts it, from a fresh interpreter."""
    run_dir.mkdir(parents=True, exist_ok=True)
    with open(run_dir / "worker.log", "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "absgd_worker.serve"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **worker_environment(run_dir, sockets, f"{TASK}:build", params, {})},
        )


def worker_environment(
    run_dir: Path, sockets: Path, task: str, params: Mapping | None, more: Mapping[str, str]
) -> dict[str, str]:
    return {
        "PYTHONPATH": str(SOURCE),
        "ABSGD_ENDPOINT": f"ipc://{sockets}",
        "ABSGD_RUN": str(run_dir),
        "ABSGD_TASK": task,
        "ABSGD_PARAMS": json.dumps(params or {}),
        "ABSGD_THREADS": "1",
        "ABSGD_COURIER": "process",
        **more,
    }


def read_spool(run_dir: Path) -> list[record_pb2.Record]:
    """Every record of a spool, in order of (stream, seq), read as proto/README.md describes the frames."""
    records = []
    for file in sorted((run_dir / "spool").glob("*.log")):
        records.extend(read_segment(file))
    return records


def read_segment(file: Path) -> list[record_pb2.Record]:
    data = file.read_bytes()
    magic, form, kind, _ = struct.unpack_from("<8sHHI", data)
    assert (magic, form) == (b"ABSGDLOG", 1)
    assert kind == {"steps": 1, "samples": 2}[file.name.split(".")[1]]
    records = []
    offset = 16
    while offset < len(data):
        length, crc = struct.unpack_from("<II", data, offset)
        payload = data[offset + 8 : offset + 8 + length]
        assert zlib.crc32(payload) == crc
        records.append(record_pb2.Record.FromString(payload))
        offset += 8 + length
    return records
