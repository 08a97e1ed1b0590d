"""The command line of absgd-run."""

from __future__ import annotations

import argparse
import re

from absgd_worker.ab.command_line import add_options
from absgd_worker.attach.provenance.functional_losses import LOSSES
from absgd_worker.attach.source.settings import Control, read_setting
from absgd_worker.recipes import KINDS
from absgd_worker.schedules import ScheduleError
from absgd_worker.version import VERSION


def command_line() -> argparse.ArgumentParser:
    """The parser of absgd-run. All arguments after the name of the script belong to the script."""
    parser = argparse.ArgumentParser(
        prog="absgd-run",
        usage="absgd-run [options] (FILE | -m MODULE | MODULE:FUNCTION) [arguments …]",
        description="Run a training script unchanged, and weigh the losses that it trains on.",
        # A shortened option of the script would be an ambiguous one of absgd-run.
        allow_abbrev=False,
        epilog="All arguments after the name of the script are passed to the script.",
    )
    # Recognise -1e9 and -inf as numbers, not as options.
    parser._negative_number_matcher = re.compile(r"^-(inf|(\d+\.?\d*|\.\d+)(e[-+]?\d+)?)$", re.IGNORECASE)
    parser.add_argument("--version", action="version", version=f"absgd-run {VERSION}")
    parser.add_argument(
        "--lam",
        type=_lam,
        metavar="L",
        help="lambda, in units of the loss: a number other than 0, off (default), or a schedule, as in "
        "'join(off.for(200), exponential(-5, -0.5, over=2000))'. If its absolute value is below the "
        "mean loss at the start, training may collapse, unless the model is trained already: begin with "
        "off.for(…)",
    )
    parser.add_argument(
        "--recipe",
        choices=KINDS,
        help="chooses lambda from the losses of the script, in their own units. wrong-labels: turns away "
        "from the samples with the highest losses, once the model tells them apart; rare-groups: attends to "
        "them; off: measures alone",
    )
    parser.add_argument(
        "--wrong",
        type=_share,
        metavar="SHARE",
        help="for --recipe wrong-labels: the share of wrong labels as far as it is known, above 0 and below "
        "0.6 (default: estimated)",
    )
    parser.add_argument(
        "--steps",
        type=_count,
        metavar="N",
        help="for --recipe: optimizer steps of the whole training, from 256 (default: as a framework says, "
        "else unknown)",
    )
    parser.add_argument(
        "--plan",
        metavar="FILE",
        help='the controls of every step, from "absgd plan EXPERIMENT -o FILE"',
    )
    parser.add_argument(
        "--gamma",
        type=_gamma,
        metavar="G",
        help="factor of the newest batch in the running estimate, in (0, 1], or a schedule (default 0.9)",
    )
    parser.add_argument(
        "--steps-per-epoch",
        type=_count,
        metavar="N",
        help="optimizer steps of an epoch, for schedules in epochs (default: as a framework or a tracked "
        "loader says)",
    )
    parser.add_argument(
        "--granularity",
        choices=("auto", "sample", "sequence", "time-first", "token"),
        default="auto",
        help="what one sample is, if a loss has more elements than the batch samples (default: a sequence)",
    )
    parser.add_argument(
        "--leave",
        action="append",
        choices=sorted(loss.__name__ for loss in LOSSES),
        default=[],
        metavar="LOSS",
        help="a function of torch.nn.functional whose losses are not weighed, as mse_loss; may be repeated",
    )
    parser.add_argument(
        "--accumulate",
        type=_count,
        metavar="A",
        help="number of losses per optimizer step, from 1 (default: as many as in the step before)",
    )
    parser.add_argument(
        "--groups",
        choices=("scaled", "absolute"),
        default="scaled",
        help="a planned lr, momentum or weight decay, with several parameter groups. scaled: the value "
        "of the largest group, and the others keep their proportion. absolute: the value of every group "
        "(default: scaled)",
    )
    parser.add_argument(
        "--normaliser",
        choices=("refuse", "rank-local"),
        default="refuse",
        help="with several ranks and lambda on: refuse to train, or let each rank weigh its own batch "
        "(default: refuse)",
    )
    parser.add_argument(
        "--name",
        metavar="RUN",
        help='record a run of this name in $ABSGD_RUNS, or ./runs; "absgd watch" shows it',
    )
    parser.add_argument(
        "--exact-name",
        action="store_true",
        help="refuse a --name that exists (default: the run becomes RUN.2)",
    )
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="continue the run of --name although a process on another machine or in a container has locked "
        "it; only if that process has certainly ended",
    )
    parser.add_argument(
        "--mirror",
        choices=("auto", "off"),
        default="auto",
        help="also write lambda and its statistics to the wandb run or TensorBoard writer of the script "
        "(default: auto)",
    )
    add_options(parser)
    parser.add_argument("--quiet", action="store_true", help="do not print which losses are captured")
    parser.add_argument("-m", dest="module", action="store_true", help="run a module, like python -m")
    parser.add_argument("target", help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _lam(text: str) -> Control:
    return _setting("lambda", text)


def _gamma(text: str) -> Control:
    return _setting("gamma", text)


def _setting(name: str, text: str) -> Control:
    try:
        return read_setting(name, text)
    except ScheduleError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} must be a share above 0 and below 0.6") from None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 1")
    return int(text)
