"""One turn of the courier: what training has reported goes to disk, and its place in the memory is given
back."""

from __future__ import annotations

from collections.abc import Callable

from absgd_worker.link.courier.report_reader import ReportReader
from absgd_worker.link.courier.telemetry import Telemetry
from absgd_worker.link.ring.layout import Word
from absgd_worker.link.wire.messages import Bye, CommandResult, PlanAck


class Reports:
    """Moves reports from the shared memory into the spool or the log."""

    def __init__(self, words: memoryview, reader: ReportReader, telemetry: Telemetry) -> None:
        self._words = words
        self._reader = reader
        self._telemetry = telemetry

    @property
    def are_due(self) -> bool:
        """Whether training has asked for a turn, or the ring is filling."""
        return self._words[Word.FLUSH] != self._words[Word.FLUSHED] or self._reader.is_filling

    @property
    def has_bye(self) -> bool:
        return self._reader.has_bye

    def turn(self, before: Callable[[], None] = lambda: None) -> list[CommandResult | PlanAck | Bye]:
        """Records everything that is complete. Returns the messages for the controller.

        `before`: called when reports were read, before they are recorded.
        """
        flush = self._words[Word.FLUSH]
        messages: list[CommandResult | PlanAck | Bye] = []
        while items := self._reader.take():
            before()
            messages += self._telemetry.take(items)
            self._words[Word.SYNCED_CHECKPOINT] = self._telemetry.checkpoint
            self._reader.give_back()
            del items
        self._words[Word.FLUSHED] = flush
        return messages
