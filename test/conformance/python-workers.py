"""Starts Python workers for the conformance suite: forked from one process that has imported torch.

A line of stdin starts one, `{"id", "run_dir", "sockets", "params"}`, or ends it, `{"id", "end": true}`. A line of
stdout says that it ended: `{"id", "exit_code"}`. The end of stdin ends them all.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from threading import Thread

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python-worker" / folder) for folder in ("src", "tests", "tests/helpers")]

from worker_process import Worker  # noqa: E402


def main() -> None:
    """Serves until stdin ends."""
    workers: dict[int, Worker] = {}
    for line in sys.stdin:
        order = json.loads(line)
        if order.get("end"):
            _kill(workers[order["id"]])
            continue
        worker = Worker(Path(order["run_dir"]), Path(order["sockets"]), params=order["params"])
        workers[order["id"]] = worker
        Thread(target=_report, args=(order["id"], worker), daemon=True).start()
    for worker in workers.values():
        _kill(worker)


def _kill(worker: Worker) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker.pid, signal.SIGKILL)


def _report(id: int, worker: Worker) -> None:
    while worker.is_alive():
        # It gives up on a worker that lives for a minute, which one of several scenarios may do here.
        with contextlib.suppress(AssertionError):
            worker.wait()
    # In one piece: several of these may end at once.
    sys.stdout.write(json.dumps({"id": id, "exit_code": worker.wait()}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
