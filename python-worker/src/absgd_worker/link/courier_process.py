"""Starts the courier of this process, and starts another one if it is killed.

It is started by exec, in a session of its own, before torch is imported where this package starts Python.
Where no process can be started, it runs as a thread, and that is said.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from weakref import WeakSet

from absgd_worker.console import complain
from absgd_worker.link.courier.other_process import is_gone, start_of
from absgd_worker.link.ring.layout import MAGIC, SIZE, VERSION, State, Word
from absgd_worker.link.ring.memory import SharedMemory, create_memory, private_memory
from absgd_worker.link.ring.rings import words_of


class Courier:
    """The courier of this process, and the memory shared with it."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._is_thread = os.environ.get(VARIABLE, "") == "thread"
        self.memory = self._allocate()
        self._words = words_of(self.memory)
        self._words[Word.MAGIC], self._words[Word.VERSION] = MAGIC, VERSION
        self._words[Word.TRAINING_PID] = self.pid
        self._words[Word.PHASE] = 1
        self._closed = Event()
        self._starts: list[float] = []
        self._on_broken: Callable[[str], None] = complain
        self.on_close: Callable[[], None] = lambda: None
        """Called before the end, after which nothing may be written any more."""
        self._keeper: Thread | None = None
        self._is_released = False
        self._start_failed = Event()
        self._start()
        _alive.add(self)

    def keep(self, on_broken: Callable[[str], None]) -> None:
        """From here on another courier is started if this one is killed.

        `on_broken`: called, in a thread of its own, when couriers end again and again.
        """
        self._on_broken = on_broken
        self._keeper = Thread(target=self._watch, name="absgd-courier-watch", daemon=True)
        self._keeper.start()

    def close(self) -> bool:
        """Ends the courier: training is over. Waits for a while until it has everything on disk.

        Does nothing in a fork of the process that started it.

        Returns:
            Whether everything is on disk.
        """
        if os.getpid() != self.pid or self._is_released:
            return True
        self.on_close()
        # From here on this thread starts another courier if need be.
        self._closed.set()
        if self._keeper is not None:
            self._keeper.join()
        self._words[Word.CLOSED] = 1
        deadline = time.monotonic() + CLOSE_SECONDS
        while (state := self._words[Word.STATE]) != State.DONE and time.monotonic() < deadline:
            if self._is_thread and state == State.FAILED:
                return False
            if self._has_died():
                self._restart()
            time.sleep(0.002)
        if state == State.DONE:
            self._is_released = True
            self.memory.release()
        return state == State.DONE

    def leave(self) -> None:
        """This process is a fork of the one that started the courier: it has none."""
        self._closed.set()
        self._keeper = None

    def _allocate(self) -> SharedMemory:
        if self._is_thread:
            return private_memory(SIZE)
        try:
            return create_memory(SIZE)
        except OSError as error:
            self._say_thread(f"there is no shared memory: {error}")
            return private_memory(SIZE)

    def _start(self) -> None:
        if not self._is_thread:
            try:
                self._spawn()
            except (OSError, ValueError) as error:
                self._say_thread(str(error))
        if self._is_thread:
            self._start_thread()

    def _spawn(self) -> None:
        if not sys.executable:
            raise OSError("the interpreter is unknown")
        self._starts.append(time.monotonic())
        environment = {name: text for name, text in os.environ.items() if name not in LEFT_OUT}
        command = [sys.executable, "-S", "-E", "-X", "utf8", "-c", BOOTSTRAP, json.dumps(_paths())]
        started = subprocess.Popen(
            [*command, str(self.memory.path), str(self.pid), start_of(self.pid)],
            stdin=subprocess.DEVNULL,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
        # The process that was started leaves its place to one that is nobody's child, and ends at once. It is
        # waited for here, so that a script which waits for any of its children does not get it.
        self._start_failed = Event()
        Thread(target=_await_start, args=(started, self._start_failed), daemon=True).start()

    def _start_thread(self) -> None:
        from absgd_worker.link.courier.work import work  # noqa: PLC0415

        def run() -> None:
            try:
                work(self.memory, lambda: False)
            except BaseException as error:
                self._words[Word.STATE] = State.FAILED
                if not self._closed.is_set():
                    self._on_broken(f"the courier's thread has failed: {error!r}")

        self._words[Word.COURIER_PID] = 0
        Thread(target=run, name="absgd-courier", daemon=True).start()

    def _watch(self) -> None:
        while not self._closed.wait(WATCH_SECONDS):
            if self._has_died():
                self._restart()

    def _has_died(self) -> bool:
        if self._is_thread or self._words[Word.STATE] == State.DONE:
            return False
        if self._words[Word.STATE] == State.FAILED:
            return True
        pid = self._words[Word.COURIER_PID]
        if pid == 0:
            return self._start_failed.is_set() or time.monotonic() - self._starts[-1] > START_SECONDS
        beats = time.monotonic() - self._words[Word.HEARTBEAT] / 1e9 < BEAT_SECONDS
        return not beats and is_gone(pid)

    def _restart(self) -> None:
        recent = [start for start in self._starts if time.monotonic() - start < MANY_SECONDS]
        if len(recent) >= MOST_STARTS:
            self._say_thread("it has ended several times")
            self._words[Word.STATE] = State.STARTING
            self._start_thread()
            return
        complain("absgd: the courier has ended: another one goes on")
        self._words[Word.COURIER_PID] = 0
        self._words[Word.STATE] = State.STARTING
        self._start()

    def _say_thread(self, why: str) -> None:
        self._is_thread = True
        complain(f"absgd: the courier runs as a thread of this process, which delays training: {why}")


def early_courier() -> Courier:
    """The courier that `start_early` has started, if nobody has it yet; else a new one."""
    courier = _early.pop() if _early else None
    return courier if courier is not None and courier.pid == os.getpid() else Courier()


def start_early() -> None:
    """Starts a courier for whoever needs one first, so that it starts while this process imports torch.

    If nobody does, it ends with this process.
    """
    _early.append(Courier())


def _await_start(started: subprocess.Popen[bytes], failed: Event) -> None:
    if started.wait() != 0:
        failed.set()


def _paths() -> list[str]:
    """Where this process finds modules, with this package first."""
    own = str(Path(__file__).resolve().parents[2])
    return [own, *(os.path.abspath(path) for path in sys.path if path and path != own)]


def _leave_in_fork() -> None:
    _early.clear()
    for courier in list(_alive):
        courier.leave()


_early: list[Courier] = []
_alive: WeakSet[Courier] = WeakSet()
os.register_at_fork(after_in_child=_leave_in_fork)

BOOTSTRAP = (
    "import os, sys\npid = os.fork()\n"
    "if pid:\n"
    "    file = os.open(sys.argv[2], os.O_RDWR)\n"
    f"    os.pwrite(file, pid.to_bytes(8, 'little'), {8 * Word.COURIER_PID})\n"
    "    os._exit(0)\n"
    "import json\nsys.path[:] = json.loads(sys.argv[1])\n"
    "from absgd_worker.link.courier.main import main\n"
    "sys.exit(main(sys.argv[2:]))"
)
"""The fork is one of a small process: what trains is never forked. Its id is known before it imports
anything, so that its end is noticed however early it comes."""

VARIABLE = "ABSGD_COURIER"
"""`thread` has the courier run as a thread of the process that trains."""

LEFT_OUT = frozenset(("LD_PRELOAD", "ABSGD_AWAIT_SETTINGS"))
"""Variables that the courier does not get."""

WATCH_SECONDS = 0.25
BEAT_SECONDS = 0.5
START_SECONDS = 5.0
"""After this time an interpreter that has not forked the courier never will."""

MOST_STARTS, MANY_SECONDS = 4, 20.0
"""Couriers that end so often are not started again."""

CLOSE_SECONDS = 15.0
"""How long the end of training waits for its courier."""
