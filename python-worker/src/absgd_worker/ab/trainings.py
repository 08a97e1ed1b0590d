"""The trainings of a comparison: their names, command lines and results. Pure but for reading results."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from absgd_worker.ab.command_line import AbOptions
from absgd_worker.ab.errors import AbError


class Training(NamedTuple):
    """One training: an arm and a seed."""

    arm: str
    seed: int
    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    folder: Path
    """Its output and its result."""

    @property
    def output(self) -> Path:
        return self.folder / f"{self.arm}.seed{self.seed}.log"

    @property
    def result(self) -> Path:
        return self.folder / f"{self.arm}.seed{self.seed}.json"


ARMS = ("off", "lambda")


def trainings_of(options: AbOptions, runs: Path) -> list[Training]:
    """All trainings, seed by seed, in the folder of this very comparison below `runs`."""
    folder = runs / f"{options.name}.ab" / _fingerprint(options)
    return [_training(options, arm, seed, folder) for seed in range(1, options.seeds + 1) for arm in ARMS]


def read_result(training: Training) -> dict[str, Any] | None:
    """What a training that has ended well has left; None if it has not."""
    try:
        result = json.loads(training.result.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return result if isinstance(result, dict) and result.get("exit") == 0 else None


def metric_of(options: AbOptions, training: Training, result: Mapping[str, Any]) -> float:
    """The value that decides.

    Raises:
        AbError: it is not among what was seen.
    """
    if options.metric_regex is not None:
        found = re.findall(
            options.metric_regex, training.output.read_text(encoding="utf-8", errors="replace")
        )
        if not found:
            raise AbError(f"--metric-regex {options.metric_regex!r} matches nothing in {training.output}")
        try:
            return float(found[-1])
        except ValueError:
            raise AbError(f"--metric-regex gives {found[-1]!r} in {training.output}, no number") from None
    values = result["metrics"].get(options.metric)
    if not values:
        names = sorted(result["metrics"])
        seen = f"seen were {', '.join(names)}" if names else "none was seen"
        raise AbError(
            f"no metric {options.metric} in {training.name}: {seen}. Report it with "
            "absgd_worker.evaluated('val', accuracy=…), log it to TensorBoard or wandb, or use --metric-regex"
        )
    return float(values[-1])


def ignores_seed(results: Sequence[Mapping[str, Any]]) -> bool:
    """Whether trainings of different seeds have the same losses to the last bit."""
    digests = [result["losses"] for result in results if result["losses"]]
    return len(digests) > 1 and len(set(digests)) == 1


def _training(options: AbOptions, arm: str, seed: int, folder: Path) -> Training:
    name = f"{options.name}.{arm}.seed{seed}"
    own = options.treated if arm == "lambda" else options.plain
    script = list(options.script)
    if options.seed_arg is not None:
        joined = options.seed_arg.endswith("=")
        script += [f"{options.seed_arg}{seed}"] if joined else [options.seed_arg, str(seed)]
    command = (sys.executable, "-m", "absgd_worker.run", "--name", name, *own, *script)
    environment = {} if options.seed_env is None else {options.seed_env: str(seed)}
    return Training(arm, seed, name, command, environment, folder)


def _fingerprint(options: AbOptions) -> str:
    """Of everything that decides what is trained, the text of the script included."""
    known = [options.treated, options.plain, options.script, options.seed_arg, options.seed_env]
    digest = hashlib.sha256(json.dumps(known).encode())
    script = Path(options.script[-1] if options.script[0] == "-m" else options.script[0])
    if script.is_file():
        digest.update(script.read_bytes())
    return digest.hexdigest()[:12]
