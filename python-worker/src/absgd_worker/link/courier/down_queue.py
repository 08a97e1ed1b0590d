"""Messages from the courier to training: they wait here while the ring down is full."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from absgd_worker.link.ring.layout import DOWN_BYTES, DOWN_START, HEAD, Kind, Word
from absgd_worker.link.ring.memory import SharedMemory
from absgd_worker.link.ring.plain import encode
from absgd_worker.link.ring.rings import RingWriter
from absgd_worker.link.wire.messages import Abort, Plan


class DownQueue:
    """Writes messages into the ring down, in their order."""

    def __init__(self, memory: SharedMemory) -> None:
        self._memory = memory
        self._ring = RingWriter(memory, DOWN_START, DOWN_BYTES, Word.DOWN_HEAD, Word.DOWN_TAIL)
        self._waiting: deque[bytes] = deque()

    def send(self, message: Any) -> None:
        """Queues a message, and writes what there is room for."""
        for part in _pieces(message):
            payload = b"".join(encode(part))
            if len(payload) > DOWN_BYTES // 2 - HEAD.size:
                text = (
                    f"a {type(part).__name__} of the controller has {len(payload):,} bytes, which is too many"
                )
                payload = b"".join(encode(Abort(text)))
            self._waiting.append(payload)
        self.write()

    def write(self) -> None:
        """Writes what waits, as far as there is room."""
        while self._waiting:
            payload = self._waiting[0]
            place = self._ring.reserve(len(payload))
            if place is None:
                return
            self._memory.view[place : place + len(payload)] = payload
            self._ring.commit(place, len(payload), Kind.PLAIN)
            self._waiting.popleft()


def _pieces(message: Any) -> Iterator[Any]:
    """A message in pieces that the ring has room for. Plans with the same number do not overlap."""
    if not isinstance(message, Plan):
        yield message
        return
    columns = sum(len(values) > 1 for values in message.columns.values())
    rows = max(1, PIECE_BYTES // (8 * max(1, columns)))
    if message.count <= rows:
        yield message
        return
    for start in range(0, message.count, rows):
        count = min(rows, message.count - start)
        first = message.first_step + start
        yield replace(
            message,
            first_step=first,
            count=count,
            columns={
                name: values if len(values) == 1 else values[start : start + count]
                for name, values in message.columns.items()
            },
            events=[event for event in message.events if first <= event[0] < first + count],
        )


PIECE_BYTES = DOWN_BYTES // 8
