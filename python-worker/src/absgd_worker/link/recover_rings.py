"""Records what processes have left in shared memory that were killed together with their couriers."""

from __future__ import annotations

import json
from pathlib import Path

from absgd_worker.console import complain
from absgd_worker.link.courier.work import work
from absgd_worker.link.process_identity import liveness
from absgd_worker.link.ring.layout import MAGIC, VERSION, Word
from absgd_worker.link.ring.memory import open_memory
from absgd_worker.link.ring.rings import words_of


def recover_rings(run_dir: Path) -> int:
    """Writes what is left into the spool or the log of the run, and deletes the memory.

    Memory of which one of the two processes lives is left alone.

    Returns:
        How many processes had left something.
    """
    recovered = 0
    for pointer in sorted((run_dir / "spool").glob("*.courier.json")):
        try:
            content = json.loads(pointer.read_text())
            memory_path, training = Path(content["memory"]), dict(content["training"])
            courier = content.get("courier")
        except (OSError, ValueError, KeyError):
            continue
        # A courier that was stopped has the spool, and goes on some day.
        if any(one is not None and liveness(one) != "gone" for one in (training, courier)):
            continue
        try:
            memory = open_memory(memory_path)
        except OSError:
            # The machine was started again since, and with it the memory is gone.
            pointer.unlink(missing_ok=True)
            continue
        words = words_of(memory)
        if (words[Word.MAGIC], words[Word.VERSION]) != (MAGIC, VERSION):
            complain(f"absgd: {memory_path} is of another version of absgd_worker: it is left as it is")
            continue
        work(memory, lambda: True)
        recovered += 1
    return recovered
