"""A process that reports steps to its courier as training does, and needs no torch: `publisher.py JSON`.

The JSON says what it does, in order: `[["steps", 100], ["kill_self", 9]]`. It prints the number of each step
    that was published, in a line of its own.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from array import array
from pathlib import Path
from typing import Any

from absgd_worker.link import up_writer
from absgd_worker.link.courier_link import CourierLink
from absgd_worker.link.courier_process import Courier
from absgd_worker.link.files_of_courier import write_pointer
from absgd_worker.link.ring.layout import Word
from absgd_worker.link.ring.orders import ServeController, WriteLog
from absgd_worker.link.ring.rings import words_of
from absgd_worker.link.run_lock import RunLock
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.link.wire.messages import Bye, Hello, Phase, Position, Reason
from absgd_worker.link.wire.records import Note
from absgd_worker.weights.statistics import Statistics

SIZE = 128
STATISTICS = Statistics(SIZE, 0.5, 1.0, 1 / SIZE, 0.7, 0.1, 0.6, 0.3, 0, 0)


class Numbers:
    """Stands for a tensor on the CPU: numbers in the memory of this process."""

    is_cpu = True

    def __init__(self, code: str, values: Any) -> None:
        self._array = array(code, values)
        self.shape = (len(self._array),)

    def element_size(self) -> int:
        return self._array.itemsize

    def is_contiguous(self) -> bool:
        return True

    def data_ptr(self) -> int:
        return self._array.buffer_info()[0]


def entry(step: int) -> StepEntry:
    losses: Any = Numbers("f", [step + index / SIZE for index in range(SIZE)])
    weights: Any = Numbers("f", [1 / SIZE] * SIZE)
    indices: Any = Numbers("q", range(step, step + SIZE))
    return StepEntry(
        1,
        step,
        0.001,
        0,
        {"lr": 0.1, "lambda": -1.0},
        STATISTICS,
        losses,
        weights,
        indices,
        True,
        {"a": 1.0 * step},
    )


class Publisher:
    def __init__(self, run_dir: Path, sockets: str) -> None:
        self.run_dir = run_dir
        self.courier = Courier()
        incarnation = int.from_bytes(os.urandom(8), "big")
        self.spool, prefix = run_dir / "spool", f"{incarnation:016x}"
        self.link = CourierLink(self.courier.memory, self.spool, prefix)
        self.words = words_of(self.courier.memory)
        endpoints = (f"ipc://{sockets}/control", f"ipc://{sockets}/telemetry")
        position = Position(0, 0)
        hello = Hello("run", "w", incarnation, os.getpid(), 0, 0, 0, position, 0, {}, "cpu", {}, SIZE)
        write_pointer(self.courier.memory, self.spool, prefix)
        self.lock = None if sockets else RunLock(run_dir)
        if self.lock is None:
            order: Any = ServeController(endpoints, str(self.spool), prefix, "w", hello)
        else:
            lock = self.lock.identity
            order = WriteLog(str(run_dir), str(self.spool), prefix, "w", incarnation, lock, 1 << 34)
            self.link.status.position = Position(1, 0)
        self.link.up.open(order)
        self.courier.keep(lambda text: print(text, file=sys.stderr, flush=True))
        self.courier.on_close = self.link.up.stop
        self.step = 0

    def welcome(self) -> None:
        while self.link.welcome is None:
            self.link.wait(lambda: self.link.welcome is not None, 0.2)
        self.link.status.position = Position(1, 0)
        self.link.status.phase = Phase.TRAINING

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.link.outgoing.append(entry(self.step))
            self.step += 1
            self.link.status.position = Position(1, self.step)
        os.write(1, f"{self.step}\n".encode())

    def slow_steps(self, count: int) -> None:
        for _ in range(count):
            self.steps(1)
            time.sleep(0.001)

    def interrupted_steps(self, count: int) -> None:
        """A timer raises an exception in the middle of reports, as Ctrl-C does."""
        interrupted = finished = 0

        def interrupt(*_: object) -> None:
            raise InterruptedError

        signal.signal(signal.SIGALRM, interrupt)
        for step in range(count):
            try:
                signal.setitimer(signal.ITIMER_REAL, 5e-6 + 1e-7 * (step % 200))
                self.link.outgoing.append(entry(step))
                signal.setitimer(signal.ITIMER_REAL, 0)
                finished += 1
            except InterruptedError:
                interrupted += 1
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        self.step = count
        self.link.status.position = Position(1, count)
        (self.run_dir / "interrupted").write_text(f"{interrupted} {finished}")

    def kill_self(self, number: int) -> None:
        os.kill(os.getpid(), number)
        # A signal of a fault is delivered when this thread goes on.
        signal.pause()

    def crash(self) -> None:
        ctypes.string_at(8)

    def signal_courier(self, number: int) -> None:
        os.kill(self.courier_pid(), number)

    def courier_pid(self) -> int:
        while not (pid := self.words[Word.COURIER_PID]):
            time.sleep(0.001)
        return pid

    def await_spooled(self) -> None:
        while not self.link.wait_until_spooled():
            pass

    def await_file(self, name: str) -> None:
        while not (self.run_dir / name).exists():
            time.sleep(0.001)

    def hold_interpreter(self) -> None:
        """No Python code of this process runs until the test writes a byte."""
        ctypes.PyDLL(None).read(0, ctypes.create_string_buffer(1), 1)

    def fork(self) -> None:
        pid = os.fork()
        if pid == 0:
            self.link.outgoing.append(entry(10_000))
            self.courier.close()
            os._exit(0)
        os.waitpid(pid, 0)

    def close_descriptors(self) -> None:
        os.closerange(3, 1024)
        files = [open(self.run_dir / f"own-{number}", "w") for number in range(8)]  # noqa: SIM115
        self.files = files

    def write_files(self) -> None:
        for file in self.files:
            file.write("whole")
            file.close()

    def await_no_child(self) -> None:
        """Until a script that waits for any child would be told that it has none."""
        while True:
            try:
                os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return

    def most_bytes(self, most: int) -> None:
        up_writer.MOST_BYTES = most

    def steps_with_a_handler(self, count: int) -> None:
        """A handler of a signal reports, whenever its timer comes."""

        def report(*_: object) -> None:
            self.noted += 1
            self.link.outgoing.append(Note(str(self.noted), Position(1, self.step)))

        self.noted = 0
        signal.signal(signal.SIGALRM, report)
        signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)
        self.steps(count)
        signal.setitimer(signal.ITIMER_REAL, 0)
        (self.run_dir / "noted").write_text(str(self.noted))

    def count_descriptors(self, name: str) -> None:
        (self.run_dir / name).write_text(str(len(os.listdir("/proc/self/fd"))))

    def watch_for(self, seconds: float) -> None:
        """Until the watch over the courier has looked at it several times."""
        time.sleep(seconds)

    def close(self) -> None:
        """The end of a run without a controller."""
        self.link.outgoing.append(Bye(Reason.COMPLETED, self.link.status.position))
        if self.courier.close() and self.lock is not None:
            self.lock.release()

    def bye(self) -> None:
        self.link.status.phase = Phase.ENDING
        self.link.outgoing.append(Bye(Reason.COMPLETED, self.link.status.position))
        self.link.flush()
        while not self.link.released:
            self.link.wait(lambda: self.link.released, 0.2)
        self.courier.close()


def main(plan: dict[str, Any]) -> None:
    if os.environ.get("ABSGD_TEST_NO_EXECUTABLE"):
        sys.executable = ""
    publisher = Publisher(Path(plan["run_dir"]), plan["sockets"])
    for name, *arguments in plan["does"]:
        getattr(publisher, name)(*arguments)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
