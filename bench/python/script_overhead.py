"""Training scripts of the public kind, plain and under `absgd-run`, in processes that train in turns.

    script_overhead.py ROUNDS

Every arm is a process of its own that runs `scripts/trained_in_turns.py` and trains one block of steps when
it is told to. In each round every arm trains one block, in random order, so that all meet the same machine.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from timing import mean_ratio, median_ratio, report

SCRIPT = Path(__file__).with_name("scripts") / "trained_in_turns.py"

ARMS: Mapping[str, tuple[str, ...]] = {
    "plain": (),
    "off": ("-m", "absgd_worker.run"),
    "recorded": ("-m", "absgd_worker.run", "--name", "bench"),
    "on": ("-m", "absgd_worker.run", "--lam", "2"),
}

MODELS: Mapping[str, int] = {"mlp": 30, "cnn": 3, "transformer": 3}
"""Steps of a block: some 50 to 100 ms."""

WARM_UP = 3


def measure(model: str, rounds: int, folder: Path) -> dict[str, object]:
    """The time of each arm's blocks over that of the plain script."""
    arms = {name: _start(model, options, folder) for name, options in ARMS.items()}
    try:
        seconds: dict[str, list[float]] = {name: [] for name in arms}
        dice = random.Random(0)
        order = list(arms)
        for number in range(WARM_UP + rounds):
            dice.shuffle(order)
            for name in order:
                spent = _train(arms[name], MODELS[model])
                if number >= WARM_UP:
                    seconds[name].append(spent)
    finally:
        for process in arms.values():
            process.communicate()
    plain = seconds["plain"]
    return {
        "step_ms": 1e3 * sum(plain) / len(plain) / MODELS[model],
        "arms": {
            name: {"mean": mean_ratio(spent, plain), "median": median_ratio(spent, plain)}
            for name, spent in seconds.items()
            if name != "plain"
        },
    }


def _start(model: str, options: tuple[str, ...], folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *options, str(SCRIPT), model],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=folder,
    )


def _train(process: subprocess.Popen[str], steps: int) -> float:
    """Seconds that the training thread needs for so many steps."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{steps}\n")
    process.stdin.flush()
    for line in process.stdout:
        if line.startswith("{"):
            return float(json.loads(line)["seconds"])
    raise RuntimeError(f"{' '.join(map(str, process.args))} ended early")  # type: ignore[arg-type]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        report(**{model: measure(model, int(sys.argv[1]), Path(directory)) for model in MODELS})
