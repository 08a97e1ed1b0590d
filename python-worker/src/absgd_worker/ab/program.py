"""The program of `absgd-run --ab`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absgd_worker.ab.children import interrupted_by_signals, run_all
from absgd_worker.ab.command_line import AbOptions, ab_options
from absgd_worker.ab.errors import AbError
from absgd_worker.ab.statistics import mean_and_deviation, verdict
from absgd_worker.ab.trainings import ARMS, Training, ignores_seed, metric_of, read_result, trainings_of
from absgd_worker.console import complain, say

Results = Mapping[tuple[str, int], Mapping[str, Any]]


def compare(arguments: Sequence[str], options: argparse.Namespace) -> int:
    """Trains what is missing and prints what it shows. Returns the exit code: 0 with an answer or none yet, 1
    where a training failed, 2 for bad options, 130 if it was interrupted."""
    try:
        asked = ab_options(arguments, options)
        trainings = trainings_of(asked, Path(os.environ.get("ABSGD_RUNS") or "runs"))
        code = _train(trainings, asked)
        if code == 0:
            _answer(asked, trainings)
        return code
    except AbError as error:
        complain(f"absgd-run: {error}")
        return 2
    except KeyboardInterrupt:
        complain("absgd: interrupted. What has ended is kept; the same command goes on")
        return 130


def _train(trainings: Sequence[Training], asked: AbOptions) -> int:
    missing = [training for training in trainings if read_result(training) is None]
    kept = len(trainings) - len(missing)
    complain(
        f"absgd: trains {' '.join(asked.script)} with lambda off and with {' '.join(asked.treated)}, "
        f"{asked.seeds} seeds each" + (f"; {kept} of {len(trainings)} were trained before" if kept else "")
    )
    failed: list[Training] = []
    with interrupted_by_signals():
        for done, (training, code) in enumerate(run_all(missing, asked.jobs), kept + 1):
            if code != 0:
                failed.append(training)
                complain(f"absgd: {training.name} failed with exit code {code}: {training.output}")
                for line in training.output.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]:
                    complain(f"    {line}")
                continue
            complain(f"absgd: {done} of {len(trainings)}: {training.name}")
    return 1 if failed else 0


def _answer(asked: AbOptions, trainings: Sequence[Training]) -> None:
    results = {(one.arm, one.seed): read_result(one) or {} for one in trainings}
    values = {(one.arm, one.seed): metric_of(asked, one, results[one.arm, one.seed]) for one in trainings}
    seeds = range(1, asked.seeds + 1)
    name = asked.metric or asked.metric_regex
    for arm in ARMS:
        mean, deviation = mean_and_deviation([values[arm, seed] for seed in seeds])
        shown = f"{mean:.4g}" if asked.seeds == 1 else f"{mean:.4g} ± {deviation:.2g}"
        say(f"{arm:8}{name} {shown}")
    if asked.seeds > 1 and ignores_seed([results["off", seed] for seed in seeds]):
        say(
            "the script ignores the seed: its losses are the same to the last bit for every seed, so that "
            "nothing can be said about chance. Give --seed-arg or --seed-env as the script takes it"
        )
        return
    sign = 1 if asked.goal == "max" else -1
    found = verdict([sign * (values["lambda", seed] - values["off", seed]) for seed in seeds], asked.matters)
    interval = (
        ""
        if found.low is None or found.high is None
        else f", 95 % interval {found.low:+.3g} to {found.high:+.3g}"
    )
    say(f"better by {found.mean:+.3g}, paired by seed{interval}")
    say(f"lambda {found.words}")
    if "wrong-labels" in asked.treated:
        say(
            "if the labels of the metric are wrong, too, it punishes a model that is right where they are "
            "wrong: the true difference is larger. Decide by samples whose labels you have checked"
        )


__all__ = ["compare"]
