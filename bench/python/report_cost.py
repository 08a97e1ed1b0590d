"""The cost of a step's report to the training thread: statistics, 8 scalars, and loss, weight, index of 128.

    report_cost.py ROUNDS [tensorboard=FOLDER] [wandb=FOLDER]

FOLDER: one in which the package of that name was installed. It is then measured beside.
"""

from __future__ import annotations

import importlib
import math
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from timing import interleaved, mean_difference, report
from torch import Tensor

from absgd_worker.device.ordered import OrderedReports
from absgd_worker.link.ring.layout import SIZE, Word
from absgd_worker.link.ring.memory import private_memory
from absgd_worker.link.ring.names import NamesWriter
from absgd_worker.link.ring.overflow import OverflowWriter
from absgd_worker.link.ring.rings import words_of
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.link.up_writer import UpWriter
from absgd_worker.task.context import Context
from absgd_worker.weights import Normaliser

B, LAM, GAMMA = 128, 2.0, 0.9
CALLS = 100
SCALARS = {f"scalar_{i}": 0.5 * i for i in range(8)}
CONTROLS = {"lambda": LAM, "gamma": GAMMA, "lr": 0.1}


def hand_over() -> Callable[[], object]:
    """Eight numbers logged, and an entry with three tensors written into the memory of a courier."""
    context = Context(run="", run_dir=Path(), params={}, seed=0, device=torch.device("cpu"))
    losses_B, indices_B = torch.rand(B), torch.arange(B)
    weights_B, statistics = Normaliser().weigh(losses_B, lam=LAM, gamma=GAMMA)
    memory = private_memory(SIZE)
    words = words_of(memory)
    outgoing = OrderedReports(UpWriter(memory, NamesWriter(memory), OverflowWriter(Path(), "")))

    def call() -> None:
        context.log(**SCALARS)
        # As a courier gives the room back that it has read.
        words[Word.UP_TAIL] = words[Word.UP_HEAD]
        outgoing.append(
            StepEntry(
                1,
                0,
                0.005,
                0,
                CONTROLS,
                statistics,
                losses_B,
                weights_B,
                indices_B,
                True,
                context._take_logged(),
            )
        )

    return call


def weigh_with_statistics(losses_B: Tensor) -> Callable[[], object]:
    normaliser = Normaliser()
    return lambda: normaliser.weigh(losses_B, lam=LAM, gamma=GAMMA)


def weigh_alone(losses_B: Tensor) -> Callable[[], object]:
    """The weights of the same rule and what its state needs of them; nothing that only a report reads."""
    free_energy = math.nan

    def call() -> Tensor:
        nonlocal free_energy
        x_B = losses_B.detach().double()
        pivot = x_B.max().item()
        d_B = x_B.sub(pivot).div_(LAM)
        p_B = torch.softmax(d_B, 0)
        log_mean = -math.log(B * p_B.max().item())
        kl = p_B.dot(d_B).item() - log_mean
        if math.isnan(free_energy):
            free_energy = pivot + LAM * log_mean
        old = math.log1p(-GAMMA) + (free_energy - pivot) / LAM - log_mean
        new = math.log(GAMMA)
        high, low = max(old, new), min(old, new)
        held = min(max(high + math.log1p(math.exp(low - high)), -math.log(2.0)), 5.0)
        free_energy = pivot + LAM * (log_mean + held)
        if not math.isfinite(kl + free_energy):
            raise ValueError("losses that are not finite are not what is measured here")
        return p_B.mul_(math.exp(-held)).float()

    return call


def tensorboard(log_dir: str) -> dict[str, Callable[[], object]]:
    """Eight scalars one by one, and a histogram of the losses of 128 samples."""
    writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter(log_dir)
    losses_B = torch.rand(B)

    def scalars() -> None:
        for name, value in SCALARS.items():
            writer.add_scalar(name, value, 0)

    return {
        "tensorboard_scalars": scalars,
        "tensorboard_histogram": lambda: writer.add_histogram("losses", losses_B, 0),
    }


def wandb(log_dir: str) -> dict[str, Callable[[], object]]:
    """Eight scalars in one call, and these with a histogram of the losses of 128 samples; nothing is sent."""
    os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_CONSOLE="off", WANDB_DIR=log_dir)
    package = importlib.import_module("wandb")
    run = package.init(project="bench")
    losses_B = torch.rand(B)
    return {
        "wandb_scalars": lambda: run.log(SCALARS),
        "wandb_report": lambda: run.log({**SCALARS, "losses": package.Histogram(losses_B)}),
    }


TRACKERS = {"tensorboard": tensorboard, "wandb": wandb}


def main() -> None:
    torch.set_num_threads(1)
    rounds = int(sys.argv[1])
    folders = dict(argument.split("=", 1) for argument in sys.argv[2:])
    losses_B = torch.rand(B, generator=torch.Generator().manual_seed(0))
    arms = {
        "hand_over": hand_over(),
        "with_statistics": weigh_with_statistics(losses_B),
        "alone": weigh_alone(losses_B),
    }
    with tempfile.TemporaryDirectory() as log_dir:
        for name, folder in folders.items():
            # What is installed beside torch comes first.
            sys.path.append(folder)
            arms |= TRACKERS[name](log_dir)
        seconds = interleaved(arms, rounds=rounds, calls=CALLS)
    statistics = mean_difference(seconds["with_statistics"], seconds["alone"])
    report(
        statistics_us=[1e6 * bound for bound in statistics],
        **{f"{name}_us": 1e6 * median(times) for name, times in seconds.items()},
    )


if __name__ == "__main__":
    main()
