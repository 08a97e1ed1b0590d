"""Gives a courier its order, and returns the exchange with it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absgd_worker.link.courier_link import CourierLink
from absgd_worker.link.courier_process import Courier
from absgd_worker.link.describe_samples import Described, describe_samples
from absgd_worker.link.environment import Address
from absgd_worker.link.files_of_courier import samples_path, write_pointer
from absgd_worker.link.ring.orders import ServeController, WriteLog
from absgd_worker.link.wire.messages import Abort, Hello, Welcome


def serve_controller(
    courier: Courier,
    address: Address,
    hello: Hello,
    *,
    origin: str,
    samples: Described | None,
    object_to: Callable[[Welcome, Welcome | None], str | None],
) -> CourierLink:
    """Has the courier connect with the controller at `address`.

    Args:
        hello: its position is that of training now.
        origin: the worker's name.
        object_to: returns why a Welcome cannot be accepted, given the one before; None if it can.
    """
    spool, prefix = address.run_dir / "spool", f"{hello.incarnation:016x}"
    link = CourierLink(courier.memory, spool, prefix, object_to)
    link.status.position = hello.position
    described = None if samples is None else describe_samples(samples, samples_path(spool, prefix))
    endpoints = (address.control, address.telemetry)
    _begin(
        courier, link, ServeController(endpoints, str(spool), prefix, origin, hello, described), spool, prefix
    )
    return link


def write_log(
    courier: Courier, directory: Path, *, incarnation: int, lock: dict[str, Any], limit: int
) -> CourierLink:
    """Has the courier write the log of a run without a controller.

    Args:
        directory: of the run.
        lock: this process's lock of it.
        limit: bytes of the log above which samples are not recorded.
    """
    spool, prefix = directory / "spool", f"{incarnation:016x}"
    link = CourierLink(courier.memory, spool, prefix)
    order = WriteLog(str(directory), str(spool), prefix, "script", incarnation, lock, limit)
    _begin(courier, link, order, spool, prefix)
    return link


def new_incarnation() -> int:
    """A random number for a process that trains."""
    return int.from_bytes(os.urandom(8), "big")


def _begin(courier: Courier, link: CourierLink, order: Any, spool: Path, prefix: str) -> None:
    if courier.memory.path is not None:
        write_pointer(courier.memory, spool, prefix)
    link.up.open(order)

    def on_broken(text: str) -> None:
        link.inbox.append(Abort(text, is_internal=True))

    courier.keep(on_broken)
    # Nothing is written once the memory is given back.
    courier.on_close = link.up.stop
