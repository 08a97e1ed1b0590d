"""Workers as processes of their own, and what they leave on disk."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from absgd_worker.gen import record_pb2
from fake_controller import PATIENCE
from project import SOURCE, TESTS

TASK = TESTS / "tasks" / "blobs.py"

# Importing torch takes seconds: workers are forked from one process that has it.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["absgd_worker.serve", "absgd_worker.attach.source.controller", "torch._dynamo"]
)


class Worker:
    """A served worker: output onto `worker.log`, nothing on stdin, a session of its own.

    `file_limit`: no file may become larger than this many bytes, as on a full disk. `script`: what
    `absgd-run` is given, in place of a task; it runs in the run directory.
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
        **environment: str,
    ) -> None:
        run_dir.mkdir(parents=True, exist_ok=True)
        self.run_dir = run_dir
        self.log = run_dir / "worker.log"
        self._process = _FORKS.Process(
            target=_serve,
            args=(
                worker_environment(run_dir, sockets, task, params, environment),
                self.log,
                file_limit,
                script,
            ),
        )
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def wait(self) -> int:
        """The exit code."""
        self._process.join(PATIENCE)
        assert self._process.exitcode is not None, f"still alive after {PATIENCE:g} s: {self.output}"
        return self._process.exitcode

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

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


def _serve(environment: Mapping[str, str], log: Path, file_limit: int | None, script: Sequence[str]) -> None:
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    os.environ.update(environment)
    if file_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    if not script:
        sys.exit(importlib.import_module("absgd_worker.serve").main())
    os.chdir(log.parent)
    # As in a process that was not forked from a server.
    multiprocessing.set_start_method("fork", force=True)
    sys.exit(importlib.import_module("absgd_worker.run").main(script))
