"""The program of a courier, which `courier_process.py` starts.

It ends when everything is delivered or safely on disk, and training is over.
"""

from __future__ import annotations

import os
import signal
import traceback
from pathlib import Path

from absgd_worker.console import complain
from absgd_worker.link.courier.left_memory import remove_left_memory
from absgd_worker.link.courier.other_process import OtherProcess
from absgd_worker.link.courier.work import work
from absgd_worker.link.ring.layout import MAGIC, VERSION, State, Word
from absgd_worker.link.ring.memory import open_memory
from absgd_worker.link.ring.rings import words_of


def main(arguments: list[str]) -> int:
    """Serves a process that trains. Returns the exit code.

    `arguments`: the file of the memory that both share, the id of the process that trains, and its start.
    """
    path, pid, start = arguments[:3]
    # A terminal's Ctrl-C does not reach this session; a launcher may signal every process of a job.
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    os.chdir("/")
    try:
        memory = open_memory(Path(path))
    except OSError:
        # Training has ended already, and with it the memory.
        return 0
    words = words_of(memory)
    if (words[Word.MAGIC], words[Word.VERSION]) != (MAGIC, VERSION):
        complain(f"absgd courier: the memory {path} is of another version of absgd_worker")
        return 1
    training = OtherProcess(int(pid), start)
    words[Word.COURIER_PID] = os.getpid()
    try:
        remove_left_memory()
        work(memory, training.is_gone)
    except BaseException:
        complain(traceback.format_exc())
        words[Word.STATE] = State.FAILED
        return 1
    return 0
