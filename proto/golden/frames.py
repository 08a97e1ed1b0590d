"""Writes frames.json: log files as they must be, byte for byte, whichever language writes them.

`files` is a list of `{stream, payloads, hex}`: the serialised records in the order in which they are appended, and
the whole file. The header carries `version` in the four bytes from 12 on, where a test puts the version of the
package. The records are those of messages.json. This script uses nothing of either implementation.

    python proto/golden/frames.py        rewrites frames.json beside this file

`test/log/files/frames-golden.test.ts` and `python-worker/tests/attach/recording/test_frames_golden.py` read it.
"""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

HERE = Path(__file__).parent
VERSION = "0.1.0"
KINDS = {"steps": 1, "samples": 2}
RECORDS = {
    "steps": ["record: worker joined", "record: steps with two weighings", "record: rewind", "record: bye"],
    "samples": ["record: what is known of samples", "record: samples with and without an index"],
}
"""Names of the vectors of messages.json that each file holds."""


def main() -> None:
    vectors = {vector["name"]: vector["hex"] for vector in json.loads((HERE / "messages.json").read_text())}
    major, minor, patch = (int(part) for part in VERSION.split("."))
    files = []
    for stream, names in RECORDS.items():
        payloads = [vectors[name] for name in names]
        file = struct.pack("<8sHHI", b"ABSGDLOG", 1, KINDS[stream], major * 1_000_000 + minor * 1_000 + patch)
        for payload in map(bytes.fromhex, payloads):
            file += struct.pack("<II", len(payload), zlib.crc32(payload)) + payload
        files.append({"stream": stream, "payloads": payloads, "hex": file.hex()})
    text = json.dumps({"version": VERSION, "files": files}, indent=1)
    (HERE / "frames.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
