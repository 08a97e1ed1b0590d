"""Steps as telemetry, and what it sent."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from ctypes import addressof, c_ubyte

import torch

from absgd_worker.gen import record_pb2
from absgd_worker.link.courier.samples import Samples
from absgd_worker.link.courier.spool import Spool
from absgd_worker.link.courier.streams import FromRing, Numbered
from absgd_worker.link.courier.telemetry import Telemetry
from absgd_worker.link.ring.step_record import StepPacker, write_step
from absgd_worker.link.ring.step_row import StepRow, read_step, schema_from
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.weights import Normaliser

SIZE = 6


def entry(step, *, attempt=1, keep=True, metrics=None, controls=None, on_device=False):
    losses = torch.linspace(0.0, 1.0 + step, SIZE)
    weights, statistics = Normaliser(on_device=on_device).weigh(losses, lam=1.0, gamma=1.0)
    indices = torch.arange(step, step + SIZE)
    return StepEntry(
        attempt,
        step,
        0.25,
        3,
        controls or {"lambda": 1.0},
        statistics,
        losses,
        weights,
        indices,
        keep,
        metrics,
    )


def room_for_name(_names: list[bytes]) -> bool:
    """A test may say no, for a table that is full."""
    return True


def row(entry: StepEntry, number: int = 1) -> StepRow:
    """A step as the courier reads it, of the record `number`."""
    return rows([entry], first=number)[0]


def rows(entries: Iterable[StepEntry], *, first: int = 1) -> list[StepRow]:
    """Steps of one training process, as the courier reads them."""
    names: list[bytes] = []

    def add_name(text: bytes) -> int | None:
        if not room_for_name(names):
            return None
        names.append(text)
        return len(names) - 1

    packer = StepPacker(add_name)
    read: list[StepRow] = []
    for number, entry in enumerate(entries, first):
        packed = packer.pack(entry)
        payload = bytearray(packed.size)
        buffer = (c_ubyte * packed.size).from_buffer(payload)
        write_step(packed, memoryview(payload), addressof(buffer), 0)
        one = read_step(number, memoryview(payload), packed.schema, lambda schema: schema_from(names[schema]))
        assert one is not None
        read.append(one)
    return read


class NumberingTelemetry(Telemetry):
    """Takes what training hands over as it is, and numbers it as the shared memory would."""

    taken = 0

    def take(self, items):
        numbered: list[FromRing] = []
        for item in items:
            self.taken += 1
            numbered.append(
                row(item, self.taken) if isinstance(item, StepEntry) else Numbered(self.taken, item)
            )
        return super().take(numbered)


def telemetry(tmp_path, **options):
    labels = array("i", [index % 4 for index in range(100)])
    return NumberingTelemetry(
        (Spool(tmp_path, 5, "steps"), Spool(tmp_path, 5, "samples")),
        origin="worker-0",
        incarnation=5,
        samples=Samples(100, 4, memoryview(labels.tobytes()), ("labels",)),
        **options,
    )


def sent(made):
    records = []
    while (frame := made.next_frame()) is not None:
        records.append(record_pb2.Record.FromString(frame))
        made.advance()
    return records


def bodies(records):
    return [record.WhichOneof("body") for record in records]
