"""Deletes memory that nobody will read any more: of processes that were killed before they had a run, or
whose run was deleted."""

from __future__ import annotations

import contextlib
from pathlib import Path

from absgd_worker.link.files_of_courier import pointer_path
from absgd_worker.link.process_identity import here, liveness
from absgd_worker.link.ring.layout import MAGIC, VERSION, Word
from absgd_worker.link.ring.memory import PREFIX, folders, namespace, open_memory
from absgd_worker.link.ring.names import NamesReader
from absgd_worker.link.ring.plain import decode
from absgd_worker.link.ring.rings import words_of


def remove_left_memory() -> None:
    """Leaves alone what belongs to a living process, to another namespace, or to a run that is still
    there."""
    for folder in folders():
        for path in folder.glob(f"{PREFIX}*"):
            pid, _, rest = path.name.removeprefix(PREFIX).partition("-")
            if rest.partition("-")[0] != namespace() or not pid.isdecimal():
                continue
            # Any file may have such a name: of another user, of another version, or deleted meanwhile.
            with contextlib.suppress(Exception):
                is_gone = liveness({"pid": int(pid), "processStart": "", **here()}) == "gone"
                if is_gone and not _is_needed(path):
                    path.unlink()


def _is_needed(path: Path) -> bool:
    """Whether a run exists whose next process will read this memory."""
    memory = open_memory(path)
    words = words_of(memory)
    if (words[Word.MAGIC], words[Word.VERSION]) != (MAGIC, VERSION):
        return memory.size > 0 and words[Word.MAGIC] == MAGIC
    text = NamesReader(memory).get(0)
    if text is None:
        return False
    order = decode(text)
    return pointer_path(Path(order.spool), order.prefix).exists()
