"""The command line of absgd-run."""

from __future__ import annotations

import argparse
import math
import re

from absgd_worker.attach.provenance.functional_losses import LOSSES


def command_line() -> argparse.ArgumentParser:
    """Reads what is typed behind absgd-run; what lies behind the script's name is the script's."""
    parser = argparse.ArgumentParser(
        prog="absgd-run",
        usage="absgd-run [options] (FILE | -m MODULE | MODULE:FUNCTION) [arguments …]",
        description="Run a training script as it stands, and weigh the losses that it trains on.",
        epilog="Everything behind the script's name is its own.",
    )
    # -1e9 and -inf are numbers, too, and no options.
    parser._negative_number_matcher = re.compile(r"^-(inf|(\d+\.?\d*|\.\d+)(e[-+]?\d+)?)$", re.IGNORECASE)
    parser.add_argument(
        "--lam",
        type=_lam,
        metavar="L",
        help="lambda from the first step on, in units of loss: not 0; inf or off is off (default). A size "
        "below the first mean loss is for models that are trained already: --plan begins with it off",
    )
    parser.add_argument(
        "--plan", metavar="FILE", help='controls of every step: "absgd plan EXPERIMENT -o FILE"'
    )
    parser.add_argument(
        "--gamma",
        type=_gamma,
        metavar="G",
        help="in (0, 1], the newest batch's part (default 0.9)",
    )
    parser.add_argument(
        "--granularity",
        choices=("auto", "sample", "sequence", "time-first", "token"),
        default="auto",
        help="one sample, where a loss has more elements than the batch samples (default: a sequence)",
    )
    parser.add_argument(
        "--leave",
        action="append",
        choices=sorted(loss.__name__ for loss in LOSSES),
        default=[],
        metavar="LOSS",
        help="a function of torch.nn.functional whose losses stay as they are, as mse_loss; may be repeated",
    )
    parser.add_argument(
        "--accumulate",
        type=_calls,
        metavar="A",
        help="losses of an optimizer step (default: as many as in the step before)",
    )
    parser.add_argument(
        "--groups",
        choices=("scaled", "absolute"),
        default="scaled",
        help="a planned lr of an optimizer with several parameter groups: that of the largest, of which the "
        "others keep their part, or that of every group (default: scaled)",
    )
    parser.add_argument(
        "--normaliser",
        choices=("refuse", "rank-local"),
        default="refuse",
        help="several ranks that train with lambda: not at all, or each by its own batch (default: refuse)",
    )
    parser.add_argument(
        "--name",
        metavar="RUN",
        help='record it as a run of this name below $ABSGD_RUNS, else ./runs ("absgd watch")',
    )
    parser.add_argument(
        "--exact-name",
        action="store_true",
        help="refuse a --name that exists (default: it becomes RUN.2)",
    )
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="go on with the run of --name although a process on another machine or in a container holds it: "
        "only where that one has certainly ended",
    )
    parser.add_argument(
        "--mirror",
        choices=("auto", "off"),
        default="auto",
        help="also to the script's own wandb run or TensorBoard writer (default: auto)",
    )
    parser.add_argument("--quiet", action="store_true", help="do not say which losses are captured")
    parser.add_argument(
        "-m", dest="module", action="store_true", help="the target is a module, as in python -m"
    )
    parser.add_argument("target", help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _lam(text: str) -> float:
    if text == "off":
        return math.inf
    try:
        lam = float(text)
    except ValueError:
        lam = math.nan
    if lam == 0 or math.isnan(lam):
        raise argparse.ArgumentTypeError(f"{text!r} must be a number other than 0, or off")
    return lam


def _gamma(text: str) -> float:
    try:
        gamma = float(text)
    except ValueError:
        gamma = math.nan
    if not 0 < gamma <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be in (0, 1]")
    return gamma


def _calls(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 1")
    return int(text)
