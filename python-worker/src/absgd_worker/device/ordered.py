"""Keeps the order of what training reports, while the numbers of some steps are still on a device."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

from absgd_worker.console import complain
from absgd_worker.device.reports import DeviceReports
from absgd_worker.link.step_entry import StepEntry

Item_contra = TypeVar("Item_contra", contravariant=True)


class Outgoing(Protocol[Item_contra]):
    """Where reports and records go, such as `Exchange.outgoing`. Its entries are on the host alone."""

    def append(self, item: Item_contra, /) -> None: ...

    def extend(self, items: Iterable[Item_contra], /) -> None: ...


class OrderedReports:
    """Appends to `outgoing` in the order of the calls.

    The entry of a step is appended once its numbers are on the host, which is not waited for. A record, such
    as a note or an evaluation, is appended at once, after the entries of all steps before it.
    """

    def __init__(self, outgoing: Outgoing[Any], reports: DeviceReports | None = None) -> None:
        self._outgoing = outgoing
        self._reports = reports or DeviceReports()
        self._pid = os.getpid()

    def append(self, item: object) -> None:
        """`item`: an entry, whose tensors may be on a device, or a record."""
        if not isinstance(item, StepEntry):
            self.hand_over()
            self._outgoing.append(item)
        elif self._reports.passes(item):
            self._outgoing.append(item)
        else:
            self._reports.submit(item)
            self._outgoing.extend(self._reports.collect())

    def hand_over(self) -> None:
        """Appends the entries of all steps so far. Waits for the device.

        If the device has failed, they are lost, which is printed. A forked process has none.
        """
        if os.getpid() != self._pid:
            return
        try:
            self._outgoing.extend(self._reports.drain())
        except RuntimeError as error:
            complain(f"absgd: the reports of the last steps are lost, since the device has failed: {error}")
