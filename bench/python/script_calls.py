"""Calls of Python functions that a step of a script makes, plain, under `absgd-run`, and recorded.

    script_calls.py [STEPS]

Each call takes some hundred nanoseconds warm, and several microseconds where a step has emptied the caches.
Prints the number a step, and for the recorded script the functions that are called most beside the plain
ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

ARMS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "off": ("-m", "absgd_worker.run", "--quiet"),
    "recorded": ("-m", "absgd_worker.run", "--quiet", "--name", "calls"),
    "on": ("-m", "absgd_worker.run", "--quiet", "--lam", "2"),
}
WARM_UP = 40
SHOWN = 30


def main(steps: int) -> None:
    source = str(Path(__file__).parents[2] / "python-worker" / "src")
    plain: Counter[str] = Counter()
    for arm, options in ARMS.items():
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "PYTHONPATH": source, "ABSGD_RUNS": folder, "OMP_NUM_THREADS": "1"}
            command = [sys.executable, *options, __file__, "--train", str(steps)]
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
        calls = Counter(json.loads(done.stdout.splitlines()[-1]))
        print(f"{arm:9} {sum(calls.values()) / steps:6.0f} calls a step")
        plain = plain or calls
        if arm == "recorded":
            for name, number in (calls - plain).most_common(SHOWN):
                print(f"          {number / steps:6.1f} {name}")


def train(steps: int) -> None:
    """A loop of the public kind. The calls that it makes are the last line on stdout."""
    import torch  # noqa: PLC0415
    from torch import nn  # noqa: PLC0415

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    criterion = nn.CrossEntropyLoss()
    inputs, labels = torch.randn(128, 256), torch.randint(10, (128,))
    calls: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            code = frame.f_code
            place = "/".join(Path(code.co_filename).parts[-2:])
            calls[f"{place} {getattr(code, 'co_qualname', code.co_name)}"] += 1

    for step in range(WARM_UP + steps):
        if step == WARM_UP:
            sys.setprofile(count)
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
    sys.setprofile(None)
    print(json.dumps(calls))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--train"]:
        train(int(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 50)
