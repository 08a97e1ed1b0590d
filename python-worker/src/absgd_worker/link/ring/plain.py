"""Messages and records between a process and its courier: JSON for what is small, bytes as they are.

Neither pickle, which could run code, nor protobuf, which the process that trains need not load.
"""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import IntEnum
from typing import Any

from absgd_worker.link.ring.orders import ServeController, WriteLog
from absgd_worker.link.wire import messages as m
from absgd_worker.link.wire import records as r
from absgd_worker.weights.presets import Rule


def encode(value: Any) -> list[bytes]:
    """The bytes of a message or record, in parts that are to be joined."""
    blobs: list[bytes] = []
    text = json.dumps(_simple(value, blobs), separators=(",", ":")).encode("utf-8", "surrogatepass")
    sizes = [len(blob) for blob in blobs]
    head = struct.pack(f"<II{len(sizes)}I", len(text), len(sizes), *sizes)
    return [head, text, *blobs]


def decode(payload: memoryview | bytes) -> Any:
    """The value that was encoded. Blobs are copied."""
    text_size, count = struct.unpack_from("<II", payload)
    sizes = struct.unpack_from(f"<{count}I", payload, 8)
    start = 8 + 4 * count
    tree = json.loads(bytes(payload[start : start + text_size]).decode("utf-8", "surrogatepass"))
    start += text_size
    blobs = []
    for size in sizes:
        blobs.append(bytes(payload[start : start + size]))
        start += size
    return _restored(tree, blobs)


def _simple(value: Any, blobs: list[bytes]) -> Any:
    """What JSON can say. Lists stand for what is no number or text: a tag, then the contents."""
    if isinstance(value, Mapping):
        return {str(name): _simple(one, blobs) for name, one in value.items()}
    is_plain = value is None or isinstance(value, (bool, str, int, float))
    return value if is_plain and not isinstance(value, IntEnum) else _tagged(value, blobs)


def _tagged(value: Any, blobs: list[bytes]) -> list[Any]:
    kind = type(value).__name__
    if isinstance(value, IntEnum):
        tagged: list[Any] = ["enum", kind, int(value)]
    elif isinstance(value, (bytes, memoryview, array)):
        blobs.append(bytes(value))
        code = value.typecode if isinstance(value, array) else ""
        tagged = ["bytes", code, len(blobs) - 1]
    elif is_dataclass(value):
        parts = [_simple(getattr(value, one.name), blobs) for one in fields(value)]
        tagged = ["class", kind, parts]
    elif isinstance(value, (m.Position, m.Acked)):
        tagged = ["class", kind, list(value)]
    elif isinstance(value, Sequence):
        tagged = ["tuple" if isinstance(value, tuple) else "list", "", [_simple(one, blobs) for one in value]]
    else:
        raise TypeError(f"a {kind} is no part of a message")
    return tagged


def _restored(tree: Any, blobs: list[bytes]) -> Any:
    if isinstance(tree, dict):
        return {name: _restored(one, blobs) for name, one in tree.items()}
    if not isinstance(tree, list):
        return tree
    tag, kind, content = tree
    return _untagged(tag, kind, content, blobs)


def _untagged(tag: str, kind: str, content: Any, blobs: list[bytes]) -> Any:
    if tag == "enum":
        return _CLASSES[kind](content)
    if tag == "bytes":
        return array(kind, blobs[content]) if kind else blobs[content]
    parts = [_restored(one, blobs) for one in content]
    if tag == "class":
        return _CLASSES[kind](*parts)
    return tuple(parts) if tag == "tuple" else parts


_CLASSES: dict[str, Any] = {
    one.__name__: one
    for one in (
        *(m.Phase, m.Reason, m.EventKind, m.RejectCode, m.Position, m.Acked, Rule),
        *(m.Welcome, m.Plan, m.Command, m.Released, m.Abort),
        *(m.Pause, m.Resume, m.StepOn, m.Checkpoint, m.Restore, m.Evaluate, m.Stop),
        *(m.Hello, m.PlanAck, m.CommandResult, m.Bye),
        *(r.GapReason, *r.FIELDS, r.Change, ServeController, WriteLog),
    )
}
"""The classes that a message may name."""
