"""Measures the worker's step on a GPU against one with ABSGD in line, in interleaved blocks of steps.

    PYTHONPATH=python-worker/src:bench/python python bench/gpu/main.py [--device cpu --tiny]

Prints one object of JSON on stdout and a table on stderr. Steps run under
`torch.cuda.set_sync_debug_mode("error")`: an operation that waits for the device ends the program.
On the CPU there are no graphs, and --tiny models show only that the program works.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import torch
from arms import Mode, Step, bare_step, our_step
from models import Case, cnn, gpt, resnet32
from timing import interleaved, mean_difference, median_ratio, report

MODES: tuple[Mode, ...] = ("eager", "compiled", "graph")
MILLISECOND = 1e-3


def main() -> None:
    args = _arguments()
    if args.device == "cuda" and not torch.cuda.is_available():
        print("bench/gpu: no CUDA device here, nothing is measured", file=sys.stderr)
        report(device=None, measured=[])
        return
    device = torch.device(args.device)
    torch.manual_seed(0)
    modes = [mode for mode in args.modes if not (mode == "graph" and device.type == "cpu")]
    cases = _cases(device, tiny=args.tiny)
    measured = [
        {"case": name, "mode": mode, **_measured(cases[name], mode, args.rounds, args.steps)}
        for name in args.cases
        for mode in modes
    ]
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    _print_table(name, measured)
    report(device=name, torch=torch.__version__, steps=args.rounds * args.steps, measured=measured)


def _measured(make: Callable[[], Case], mode: Mode, rounds: int, steps: int) -> dict[str, Any]:
    """Ratio of the times of a step, and CPU that ours adds to the training thread; with 95 % bounds."""
    bare = bare_step(make(), mode)
    ours, hand_over = our_step(make(), mode)
    for step in (bare, ours):
        for _ in range(WARM_UP):
            step()
    arms = {"bare": _guarded(bare), "ours": _guarded(ours)}
    seconds = interleaved(arms, rounds=rounds, calls=steps, clock=_time_of_device)
    cpu = _cpu_seconds(arms, rounds)
    hand_over()
    return {
        "ratio": median_ratio(seconds["ours"], seconds["bare"]),
        "added_cpu_us": [1e6 * bound for bound in mean_difference(cpu["ours"], cpu["bare"])],
        "bare_ms": 1e3 * median(seconds["bare"]),
        "ours_ms": 1e3 * median(seconds["ours"]),
    }


def _cpu_seconds(arms: dict[str, Step], rounds: int) -> dict[str, list[float]]:
    """Seconds of this thread's CPU a step, a number a round and arm.

    A round has so few steps that their kernels fit into the queue of the device: a thread that waits for
    room in it is busy, too.
    """
    dice, order = random.Random(0), list(arms)
    seconds: dict[str, list[float]] = {name: [] for name in order}
    for _ in range(rounds):
        dice.shuffle(order)
        for name in order:
            _time_of_device()
            began = time.thread_time()
            for _ in range(FEW):
                arms[name]()
            seconds[name].append((time.thread_time() - began) / FEW)
    return seconds


def _guarded(step: Step) -> Step:
    """The step, in which it is an error to wait for the device."""
    if not torch.cuda.is_available():
        return step

    def guarded() -> None:
        torch.cuda.set_sync_debug_mode("error")
        try:
            step()
        finally:
            torch.cuda.set_sync_debug_mode("default")

    return guarded


def _time_of_device() -> float:
    """The time once all that is queued on the device is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def _cases(device: torch.device, *, tiny: bool) -> dict[str, Callable[[], Case]]:
    if tiny:
        small = {"size": 8, "batch": 8}
        return {
            "cnn": partial(cnn, device, width=4, **small),
            "resnet32": partial(resnet32, device, blocks=1, width=4, **small),
            "gpt": partial(gpt, device, layers=1, heads=2, width=16, length=8, batch=4),
        }
    return {
        "cnn": partial(cnn, device, width=_fitting_width(device)),
        "resnet32": partial(resnet32, device),
        "gpt": partial(gpt, device),
    }


def _fitting_width(device: torch.device) -> int:
    """A width of the CNN with which a bare step takes about a millisecond here."""
    width = 16
    while width < 1024 and _seconds_of(bare_step(cnn(device, width=2 * width), "eager")) < MILLISECOND:
        width *= 2
    return width


def _seconds_of(step: Step) -> float:
    for _ in range(WARM_UP):
        step()
    began = _time_of_device()
    for _ in range(20):
        step()
    return (_time_of_device() - began) / 20


def _print_table(device: str, measured: list[dict[str, Any]]) -> None:
    print(f"{device}, torch {torch.__version__}", file=sys.stderr)
    print(
        f"{'case':10}{'mode':10}{'in line':>10}{'ours':>10}   ratio                 added CPU",
        file=sys.stderr,
    )
    for row in measured:
        value, low, high = row["ratio"]
        print(
            f"{row['case']:10}{row['mode']:10}{row['bare_ms']:7.3f} ms{row['ours_ms']:7.3f} ms   "
            f"{value:.3f} [{low:.3f}, {high:.3f}]  {row['added_cpu_us'][0]:.1f} µs",
            file=sys.stderr,
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The worker's step on a GPU against ABSGD in line.")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--tiny", action="store_true", help="models that show that the program works")
    names = ("cnn", "resnet32", "gpt")
    parser.add_argument("--cases", nargs="+", choices=names, default=names)
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--rounds", type=int, default=60, help="blocks an arm")
    parser.add_argument("--steps", type=int, default=50, help="steps of a block")
    return parser.parse_args()


WARM_UP = 10
FEW = 4

if __name__ == "__main__":
    main()
