"""Steps of driven scripts over those of the same loop without a controller, in processes that train in turns.

    driven_scripts.py SOCKET SECONDS STEPS BLOCKS

SECONDS: of a bare step. STEPS of a block, BLOCKS of each arm beside the first ones. Starts the bare arms of
`steps_in_turns.py`; whoever starts this starts the driven ones. In each round every arm trains one block, in
random order, so that all meet the same machine. `again` over `bare` tells what the method itself makes of two
processes that do the same.
"""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple, TextIO

import torch
from steps_in_turns import Loop
from timing import mean_difference, mean_ratio, median_ratio, report

SCRIPT = Path(__file__).with_name("steps_in_turns.py")
BARE, DRIVEN = ("bare", "again"), ("wrap", "script")
WARM_UP = 3
SETTLE_SECONDS = 0.15
"""Between two blocks: what a driven one has reported is on its way, and must not take time from the next."""
START_SECONDS = 120.0


class Spent(NamedTuple):
    """The time of a block."""

    seconds: float
    cpu_seconds: float
    """CPU time of the training thread."""


def measure(address: str, step_seconds: float, steps: int, blocks: int) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        width = fitting_width(step_seconds)
        processes = [subprocess.Popen([sys.executable, str(SCRIPT), address, arm]) for arm in BARE]
        arms = connect(listener, width)
    try:
        spent = train_in_turns(arms, steps, blocks)
    finally:
        for lines in arms.values():
            lines.close()
    for process in processes:
        process.wait()
    report(**figures(spent, steps))


def connect(listener: socket.socket, width: int) -> dict[str, TextIO]:
    """Waits for all arms, and tells each the width of its model."""
    listener.settimeout(START_SECONDS)
    arms: dict[str, TextIO] = {}
    while len(arms) < len(BARE + DRIVEN):
        connection, _ = listener.accept()
        connection.settimeout(None)
        lines = connection.makefile("rw")
        connection.close()
        arms[lines.readline().strip()] = lines
        print(width, file=lines, flush=True)
    return arms


def train_in_turns(arms: dict[str, TextIO], steps: int, blocks: int) -> dict[str, list[Spent]]:
    spent: dict[str, list[Spent]] = {name: [] for name in arms}
    dice = random.Random(0)
    order = sorted(arms)
    for number in range(WARM_UP + blocks):
        dice.shuffle(order)
        for name in order:
            print(steps, file=arms[name], flush=True)
            answer = arms[name].readline()
            if not answer:
                raise RuntimeError(f"the arm {name!r} ended early")
            if number >= WARM_UP:
                spent[name].append(Spent(*json.loads(answer)))
            time.sleep(SETTLE_SECONDS)
    return spent


def figures(spent: dict[str, list[Spent]], steps: int) -> dict[str, object]:
    bare = spent["bare"]
    seconds = {name: [block.seconds for block in blocks] for name, blocks in spent.items()}
    cpu = {name: [block.cpu_seconds / steps for block in blocks] for name, blocks in spent.items()}
    return {
        "bare_ms": 1e3 * sum(seconds["bare"]) / len(bare) / steps,
        "steps": steps * len(bare),
        "arms": {
            name: {
                "ratio": mean_ratio(seconds[name], seconds["bare"]),
                "median_ratio": median_ratio(seconds[name], seconds["bare"]),
                "added_cpu_us": [1e6 * bound for bound in mean_difference(cpu[name], cpu["bare"])],
            }
            for name in (*DRIVEN, "again")
        },
    }


def fitting_width(step_seconds: float) -> int:
    """A width of the model with which a bare step takes about `step_seconds` of CPU here."""
    width = 64
    while seconds_of(width + 64) < step_seconds:
        width += 64
    return width


def seconds_of(width: int) -> float:
    loop = Loop(width)
    times = []
    for _ in range(12):
        began = time.thread_time()
        loop.train(1)
        times.append(time.thread_time() - began)
    return sorted(times[2:])[len(times[2:]) // 2]


if __name__ == "__main__":
    torch.set_num_threads(1)
    measure(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
