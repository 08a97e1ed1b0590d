"""A mirror in TensorBoard's event files, a new file for each attempt. Needs no torch."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from absgd_worker.mirrors.events import Numbers, Text


class TensorBoardTarget:
    """Event files in the folder `tensorboard` of the run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "tensorboard"
        self._writer: Any = None
        # The protocol buffers that TensorBoard brings along.
        self._event: Any = import_module(f"{PROTO}.event_pb2")
        self._summary: Any = import_module(f"{PROTO}.summary_pb2")

    def open(self, manifest: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        del manifest, known
        self._begin_file()
        return {"folder": self._folder.name}

    def attempt(self, number: int, step: int) -> None:
        if number == 1:
            return
        self._begin_file()
        # TensorBoard drops what it has read of this step and later ones.
        session = self._event.SessionLog(status=self._event.SessionLog.START)
        self._writer.add_event(self._event.Event(session_log=session, step=step))

    def numbers(self, numbers: Numbers) -> None:
        values = [
            self._summary.Summary.Value(tag=name, simple_value=value)
            for name, value in numbers.values.items()
        ]
        self._add(numbers, self._summary.Summary(value=values))

    def text(self, text: Text) -> None:
        plugin = self._summary.SummaryMetadata.PluginData(plugin_name="text")
        shapes: Any = import_module(f"{PROTO}.tensor_shape_pb2")
        tensors: Any = import_module(f"{PROTO}.tensor_pb2")
        types: Any = import_module(f"{PROTO}.types_pb2")
        shape = shapes.TensorShapeProto(dim=[shapes.TensorShapeProto.Dim(size=1)])
        tensor = tensors.TensorProto(
            dtype=types.DT_STRING, string_val=[text.text.encode()], tensor_shape=shape
        )
        metadata = self._summary.SummaryMetadata(plugin_data=plugin)
        value = self._summary.Summary.Value(tag="ledger", metadata=metadata, tensor=tensor)
        self._add(text, self._summary.Summary(value=[value]))

    def close(self, status: str, final: dict[str, float]) -> None:
        del status, final
        self._writer.close()

    def _begin_file(self) -> None:
        if self._writer is not None:
            self._writer.close()
        writers: Any = import_module("tensorboard.summary.writer.event_file_writer")
        self._writer = writers.EventFileWriter(str(self._folder))

    def _add(self, entry: Numbers | Text, summary: Any) -> None:
        self._writer.add_event(self._event.Event(summary=summary, step=entry.step, wall_time=entry.seconds))


PROTO = "tensorboard.compat.proto"
