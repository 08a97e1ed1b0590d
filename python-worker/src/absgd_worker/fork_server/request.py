"""What a process asks the fork server for.

On the wire: the number of bytes (4 bytes, most significant first), then texts `name=value`, with a zero byte
between two of them.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field

HEADER_BYTES = 4
MOST_BYTES = 1 << 24
"""A larger request is damaged: the kernel gives no process more arguments and environment than this."""
MOST_FILES = 8


@dataclass(frozen=True)
class Request:
    """A program, and how it is to be started."""

    arguments: list[str] = field(default_factory=list)
    """Those of the interpreter: `-m MODULE …`, `-c CODE …` or `FILE …`."""
    environment: dict[bytes, bytes] = field(default_factory=dict)
    """The whole environment of the program."""
    directory: str = "."
    output: str = ""
    """The file that standard output and error are appended to; empty where `files` has these."""
    ignored: list[int] = field(default_factory=list)
    """Signals that the program ignores from its beginning."""
    options: dict[str, str] = field(default_factory=dict)
    """All else, for whoever has made the server for more than this."""
    files: list[int] = field(default_factory=list)
    """Descriptors of this process: the program's standard input, output and error; what an option needs."""


def receive(connection: socket.socket) -> Request | None:
    """Reads one request. None if the other side ends before it is complete.

    Raises:
        ValueError: it is no request.
    """
    data, files, _, _ = socket.recv_fds(connection, 1 << 16, MOST_FILES)
    while len(data) < HEADER_BYTES or len(data) < HEADER_BYTES + (size := _size(data)):
        more = connection.recv(1 << 16)
        if not more:
            for file in files:
                os.close(file)
            return None
        data += more
    return parse(data[HEADER_BYTES : HEADER_BYTES + size], list(files))


def parse(body: bytes, files: list[int]) -> Request:
    """Reads the texts of a request."""
    request: dict = {"arguments": [], "environment": {}, "options": {}, "files": files}
    for text in body.split(b"\0"):
        name, _, value = text.partition(b"=")
        match name:
            case b"argument":
                request["arguments"].append(os.fsdecode(value))
            case b"variable":
                variable, _, content = value.partition(b"=")
                request["environment"][variable] = content
            case b"directory" | b"output":
                request[name.decode()] = os.fsdecode(value)
            case b"ignored":
                request["ignored"] = [int(number) for number in value.split()]
            case _:
                request["options"][name.decode()] = os.fsdecode(value)
    if not request["arguments"]:
        raise ValueError("a request names no program")
    return Request(**request)


def encode(request: Request) -> bytes:
    """The bytes of a request, without its files."""
    texts = [
        *(b"argument=" + os.fsencode(argument) for argument in request.arguments),
        *(b"variable=" + name + b"=" + value for name, value in request.environment.items()),
        b"directory=" + os.fsencode(request.directory),
        b"output=" + os.fsencode(request.output),
        b"ignored=" + b" ".join(b"%d" % number for number in request.ignored),
        *(f"{name}=".encode() + os.fsencode(value) for name, value in request.options.items()),
    ]
    body = b"\0".join(texts)
    return len(body).to_bytes(HEADER_BYTES, "big") + body


def _size(data: bytes) -> int:
    size = int.from_bytes(data[:HEADER_BYTES], "big")
    if size > MOST_BYTES:
        raise ValueError(f"a request of {size:,} bytes: at most {MOST_BYTES:,} are read")
    return size
