"""`absgd-run`: runs a training script as it stands, and weighs the losses that it trains on.

    absgd-run --plan plan.json train.py --its own --arguments
    absgd-run -m package.train …
    absgd-run package.module:function …

Exit codes: that of the script; 1 where it raises, or where --lam is given and no loss was captured; 2 for
what cannot be run; 75 where a controller was gone for too long.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from absgd_worker.attach import api
from absgd_worker.attach.capture import Capture
from absgd_worker.attach.choices import Choices
from absgd_worker.attach.compilation import graphs_that_break
from absgd_worker.attach.functionals import LOSSES
from absgd_worker.attach.host import Host
from absgd_worker.attach.presence import TAKE_OVER_VARIABLE
from absgd_worker.attach.ranks import global_rank
from absgd_worker.attach.replacement import no_replacement
from absgd_worker.attach.script_errors import show_error
from absgd_worker.attach.script_file import find_module, run_file, run_function, run_module
from absgd_worker.attach.source import StopTraining
from absgd_worker.attach.sources import is_controlled, source_of_host
from absgd_worker.attach.terminal import lend_terminal
from absgd_worker.console import complain, count
from absgd_worker.errors import WorkerError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line names. Returns the exit code.

    `arguments`: in place of the process's own, by who does more than this afterwards.
    """
    if arguments is not None:
        return _main(arguments, is_whole=False)
    try:
        return _main(sys.argv[1:], is_whole=True)
    except BaseException as error:
        if not isinstance(error, SystemExit):
            show_error(error)
        raise


def _main(arguments: Sequence[str], *, is_whole: bool) -> int:
    """`is_whole`: the script is all that this process is there for."""
    options = _parser().parse_args(arguments)
    if is_whole:
        _forget_own_path()
    try:
        run = _target(options, keep=is_whole)
    except _CannotRun as error:
        complain(f"absgd-run: {error}")
        return 2
    # Data loaders that spawn import the main module again, in processes that train nothing.
    if threading.current_thread() is not threading.main_thread():
        complain("absgd-run: must be started from the main thread")
        return 2
    lend_terminal()
    if options.take_over:
        os.environ[TAKE_OVER_VARIABLE] = "1"
    threads = os.environ.get("ABSGD_THREADS", "")
    if threads.isdecimal() and int(threads):
        torch.set_num_threads(int(threads))
    return _train(run, options)


def _train(run: Callable[[], object], options: argparse.Namespace) -> int:
    code = 0
    sessions: list[api.Session] = []
    try:
        with ExitStack() as stack:
            try:
                session = stack.enter_context(_session(options))
            except (WorkerError, OSError) as error:
                complain(f"absgd-run: {error}")
                return 2
            host = session.host
            assert host is not None
            host.capture = Capture(session, granularity=options.granularity, leave=options.leave)
            try:
                with no_replacement(lambda: session.source.wants_lambda), graphs_that_break(), host.capture:
                    run()
            finally:
                sessions = [session, *host.guests]
            # A framework has ended its training in good order.
            if sessions[-1].stopping is not None:
                raise sessions[-1].stopping
    except StopTraining as stop:
        complain(f"absgd: stopped: {stop}")
        code = stop.exit_code or _code_of_rest(sessions)
    except SystemExit as end:
        code = _code(end)
    _conclude(sessions, quiet=options.quiet)
    # A lambda that was asked for and had no effect is no success; nor is one whose run has no steps.
    if sum(one.total_steps for one in sessions) == 0 and math.isfinite(options.lam or math.inf):
        code = code or 1
    return code


@contextmanager
def _session(options: argparse.Namespace) -> Iterator[api.Session]:
    given: dict[str, Any] = {
        "accumulate": options.accumulate,
        "announce": not options.quiet,
        "normaliser": options.normaliser,
        "groups": options.groups,
        "mirror": options.mirror,
    }
    host = Host(
        is_controlled(),
        options.lam,
        options.gamma,
        options.plan,
        options.name,
        options.exact_name,
        Choices(**given),
    )
    with api.session(source=source_of_host(host), **given) as session:
        session.host = host
        session.may_begin_anew = True
        yield session


class _CannotRun(Exception):
    """What the command line names is not there."""


def _code_of_rest(sessions: Sequence[api.Session]) -> int:
    """Of a script that a plan has ended: 1 where it trains several models, as some may be left."""
    trainings = sum(one.trainings.count for one in sessions)
    if is_controlled() or trainings < 2:
        return 0
    complain(
        f"absgd: it was stopped in training {trainings} of this script: what the script would do after that "
        "is not done, and the exit code is 1. Make the plan as long as the longest training"
    )
    return 1


def _conclude(sessions: Sequence[api.Session], *, quiet: bool) -> None:
    captured = sum(one.captured for one in sessions)
    if captured == 0 and any(one.start_line.has_unweighed for one in sessions):
        complain("absgd: no loss was weighed, for the reason above")
    elif captured == 0:
        complain(
            "absgd: no loss was captured: this script computes none by torch.nn.functional while it trains. "
            "Wrap its criterion with absgd_worker.wrap(criterion), or weigh its losses with "
            "absgd_worker.weigh(losses). Processes that it starts are not seen; nor, without --lam and "
            "--name, losses inside of torch.compile"
        )
    elif not quiet and global_rank() == 0:
        losses = count(captured, "loss", "losses")
        complain(f"absgd: {losses} captured in {count(sum(one.total_steps for one in sessions), 'step')}")


def _target(options: argparse.Namespace, *, keep: bool) -> Callable[[], object]:
    """`keep`: as in `run_file`."""
    target, rest = options.target, options.arguments
    sys.argv = [target, *rest]
    if options.module:
        sys.path.insert(0, os.getcwd())
        spec = find_module(target)
        if spec is None:
            raise _CannotRun(f"there is no module {target} to run: is it installed here?")
        sys.argv[0] = spec.origin or target
        return lambda: run_module(spec, keep=keep)
    file = Path(target)
    module, colon, function = target.rpartition(":")
    if file.suffix == ".py" or file.is_file() or not colon:
        if not file.is_file():
            raise _CannotRun(f"there is no file {target}: name a script, -m MODULE, or MODULE:FUNCTION")
        # As Python does: what lies beside the script can be imported.
        sys.path.insert(0, str(file.resolve().parent))
        return lambda: run_file(target, keep=keep)
    sys.path.insert(0, os.getcwd())
    found = getattr(_imported(module), function, None)
    if not callable(found):
        raise _CannotRun(f"{module} has no function {function!r}")
    return lambda: run_function(found, keep=keep)


def _forget_own_path() -> None:
    """Takes away the folder that Python put in front of `sys.path` for absgd-run itself: a script is not to
    find its modules there."""
    main = sys.modules["__main__"]
    if getattr(sys.flags, "safe_path", False) or not sys.path:
        return
    spec = getattr(main, "__spec__", None)
    file = getattr(main, "__file__", None) or ""
    own = os.getcwd() if spec is not None else os.path.dirname(os.path.realpath(file))
    if sys.path[0] == own:
        del sys.path[0]


def _imported(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise _CannotRun(f"there is no Python module {error.name!r}: is it installed here?") from None


def _code(end: SystemExit) -> int:
    """As Python itself would exit."""
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code
    complain(str(end.code))
    return 1


def _parser() -> argparse.ArgumentParser:
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


if __name__ == "__main__":
    sys.exit(main())
