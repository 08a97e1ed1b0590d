"""The program of `absgd-run` (`run.py`), which imports torch."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from absgd_worker.attach import api
from absgd_worker.attach.capture.capture import Capture
from absgd_worker.attach.capture.compilation import graphs_that_break
from absgd_worker.attach.hooks.distributed_ranks import global_rank
from absgd_worker.attach.recipes.recipe_source import RecipeSource
from absgd_worker.attach.recording.result_file import result_file
from absgd_worker.attach.script.exec_guard import guarded_exec
from absgd_worker.attach.script.options import command_line
from absgd_worker.attach.script.pty import replace_null_stdin
from absgd_worker.attach.script.run_file import find_module, run_file, run_function, run_module
from absgd_worker.attach.script.script_errors import show_error
from absgd_worker.attach.script.words import first_words, last_words
from absgd_worker.attach.session.choose_source import is_controlled, source_of_command_line
from absgd_worker.attach.session.options import SessionOptions
from absgd_worker.attach.session.script_run import ScriptRun
from absgd_worker.attach.source.settings import may_be_on
from absgd_worker.attach.source.source import StopTraining
from absgd_worker.console import complain, count
from absgd_worker.errors import SessionError, WorkerError
from absgd_worker.link.await_settings import await_settings
from absgd_worker.link.run_lock import TAKE_OVER_VARIABLE
from absgd_worker.recipes import Recipe, recipe_of


def run_program(arguments: Sequence[str] | None) -> int:
    """See `main` in `run.py`."""
    if arguments is not None:
        return _main(arguments, is_whole=False)
    await_settings()
    try:
        return _main(sys.argv[1:], is_whole=True)
    except BaseException as error:
        if not isinstance(error, SystemExit):
            show_error(error)
        raise


def _main(arguments: Sequence[str], *, is_whole: bool) -> int:
    """`is_whole`: the script is all that this process is there for."""
    options = command_line().parse_args(arguments)
    try:
        recipe = _recipe(options)
    except WorkerError as error:
        complain(f"absgd-run: {error}")
        return 2
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
    replace_null_stdin()
    if options.take_over:
        os.environ[TAKE_OVER_VARIABLE] = "1"
    threads = os.environ.get("ABSGD_THREADS", "")
    if threads.isdecimal() and int(threads):
        torch.set_num_threads(int(threads))
    return _train(run, options, recipe)


def _recipe(options: argparse.Namespace) -> Recipe | None:
    """The recipe of the command line.

    Raises:
        RecipeError: an argument outside of its range. SessionError: options that exclude each other.
    """
    if options.recipe is None:
        if options.wrong is not None or options.steps is not None:
            raise SessionError("--wrong and --steps belong to a recipe: add --recipe wrong-labels")
        return None
    others = [f"--{name}" for name in ("lam", "plan") if getattr(options, name) is not None]
    if others:
        raise SessionError(f"{others[0]} and --recipe both set lambda: give one of them")
    return recipe_of(options.recipe, options.wrong, options.steps)


def _train(run: Callable[[], object], options: argparse.Namespace, recipe: Recipe | None) -> int:
    code = 0
    if not options.quiet and not is_controlled() and global_rank() == 0:
        words = first_words(
            options.target, lam=options.lam, recipe=recipe, plan=options.plan, run=options.name
        )
        complain(f"absgd: {words}")
    sessions: list[api.Session] = []
    try:
        with ExitStack() as stack:
            try:
                session = stack.enter_context(_session(options, recipe))
            except (WorkerError, OSError) as error:
                complain(f"absgd-run: {error}")
                return 2
            script = session.script_run
            assert script is not None
            script.capture = Capture(session, granularity=options.granularity, leave=options.leave)
            try:
                with guarded_exec(lambda: session.source.wants_lambda), graphs_that_break(), script.capture:
                    run()
            finally:
                sessions = [session, *script.script_sessions]
            # A framework has ended its training in good order.
            if sessions[-1].stopping is not None:
                raise sessions[-1].stopping
    except StopTraining as stop:
        complain(f"absgd: stopped: {stop}")
        code = stop.exit_code or _code_of_rest(sessions)
    except SystemExit as end:
        code = _code(end)
    _conclude(sessions, quiet=options.quiet)
    if not options.quiet and not is_controlled() and global_rank() == 0:
        _say_last(sessions, options.name, recipe)
    # A lambda that was asked for and had no effect is no success; nor is one whose run has no steps.
    if sum(one.total_steps for one in sessions) == 0 and options.lam is not None and may_be_on(options.lam):
        code = code or 1
    if result_file is not None:
        result_file.write(code)
    return code


@contextmanager
def _session(options: argparse.Namespace, recipe: Recipe | None) -> Iterator[api.Session]:
    given: dict[str, Any] = {
        "accumulate": options.accumulate,
        "announce": not options.quiet,
        "normaliser": options.normaliser,
        "groups": options.groups,
        "mirror": options.mirror,
        "steps_per_epoch": options.steps_per_epoch,
    }
    script = ScriptRun(
        is_controlled(),
        options.lam,
        options.gamma,
        options.plan,
        options.name,
        options.exact_name,
        recipe,
        SessionOptions(**given),
    )
    with api.session(source=source_of_command_line(script), **given) as session:
        session.script_run = script
        session.may_begin_anew = True
        yield session


class _CannotRun(Exception):
    """The file, module or function of the command line does not exist."""


def _code_of_rest(sessions: Sequence[api.Session]) -> int:
    """The exit code of a script that the plan has ended: 1 if it trains several models, since some may not
    be trained."""
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


def _say_last(sessions: Sequence[api.Session], run: str | None, recipe: Recipe | None) -> None:
    trained = [one for one in sessions if one.total_steps]
    if not trained:
        return
    last = trained[-1]
    edits = last.source.edits.made if isinstance(last.source, RecipeSource) else ()
    for words in last_words(last.step, last.turned_away, edits, recipe, last.run_name or run):
        complain(f"absgd: {words}")


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
        # Modules beside the script can be imported, like under `python FILE`.
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
    """The exit code that Python itself would give."""
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code
    complain(str(end.code))
    return 1
