"""The messages of proto/golden/messages.json mean here what they mean in TypeScript, byte for byte."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message

from absgd_worker.gen import envelope_pb2, record_pb2
from project import GOLDEN

MESSAGES = GOLDEN / "messages.json"
VECTORS: list[dict[str, Any]] = json.loads(MESSAGES.read_text(encoding="utf-8"))
TYPES: dict[str, type[Message]] = {
    "ToController": envelope_pb2.ToController,
    "ToPeer": envelope_pb2.ToPeer,
    "Record": record_pb2.Record,
}
ARRAYS = {"f64": ("d", float), "f32": ("f", float), "u32": ("I", int), "i8": ("b", int)}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['type']}: {vector['name']}")
def test_bytes_and_fields_of_a_golden_message_agree(vector: dict[str, Any]) -> None:
    message_type = TYPES[vector["type"]]
    golden = bytes.fromhex(vector["hex"])
    from_fields = json_format.ParseDict(pack(vector["json"]), message_type())
    from_bytes = message_type.FromString(golden)
    assert from_fields.SerializeToString(deterministic=True) == golden
    assert from_bytes.SerializeToString(deterministic=True) == golden
    # NaN differs from itself as a value; as text the fields compare.
    assert str(from_bytes) == str(from_fields)


def test_the_golden_messages_cover_every_kind() -> None:
    for name, message_type in TYPES.items():
        kinds = {field.name for field in message_type.DESCRIPTOR.oneofs_by_name["body"].fields}
        met = {
            message_type.FromString(bytes.fromhex(vector["hex"])).WhichOneof("body")
            for vector in VECTORS
            if vector["type"] == name
        }
        assert met == kinds


def pack(value: Any) -> Any:
    """Protobuf JSON of a vector: arrays written as {"f64": [...]} become base64 of their bytes."""
    if isinstance(value, list):
        return [pack(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = next(iter(value), "")
    if kind in ARRAYS:
        code, number = ARRAYS[kind]
        items = [number(item) for item in value[kind]]
        return base64.b64encode(struct.pack(f"<{len(items)}{code}", *items)).decode()
    return {name: pack(item) for name, item in value.items()}
