"""The options of `--ab`, and what remains of the command line for each arm."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import NamedTuple

from absgd_worker.ab.errors import AbError


class AbOptions(NamedTuple):
    """What `--ab` was given."""

    seeds: int
    """How many, from 1; they are 1, 2, and so on."""
    seed_arg: str | None
    seed_env: str | None
    metric: str | None
    metric_regex: str | None
    goal: str
    matters: float
    jobs: int
    treated: tuple[str, ...]
    """The options of absgd-run for the arm with lambda."""
    plain: tuple[str, ...]
    """The same for the arm with lambda off."""
    name: str
    script: tuple[str, ...]
    """The script and its arguments; with "-m" before a module."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `--ab` to a parser."""
    group = parser.add_argument_group(
        "does it help",
        "with --ab: trains the script with lambda off and with the options given, and compares",
    )
    group.add_argument("--ab", action="store_true", help="compare lambda off with --recipe, --lam or --plan")
    group.add_argument("--seeds", type=int, metavar="N", help="seeds of each arm, 1 to N (default: 3)")
    group.add_argument(
        "--seed-arg",
        metavar="OPTION",
        help="how the script takes its seed: --seed for --seed 1, seed= for seed=1",
    )
    group.add_argument("--seed-env", metavar="NAME", help="the environment variable of the script's seed")
    group.add_argument(
        "--metric",
        metavar="NAME",
        help="what decides, its last value: val.accuracy of absgd.evaluated or of a framework, or the name "
        "of a scalar that the script writes to TensorBoard or wandb",
    )
    group.add_argument(
        "--metric-regex",
        metavar="REGEX",
        help="what decides, the group of the last match in the output, as in 'acc=([0-9.]+)'",
    )
    group.add_argument(
        "--goal",
        choices=("max", "min"),
        help="whether a larger value is better (default: max, min for a loss)",
    )
    group.add_argument(
        "--matters",
        type=float,
        metavar="D",
        help="the smallest difference that matters, in the unit of the metric (default: 0.005)",
    )
    group.add_argument("--jobs", type=int, metavar="J", help="trainings at a time (default: 1)")


def joined_values(arguments: Sequence[str]) -> list[str]:
    """The command line with `--seed-arg=--seed` for `--seed-arg --seed`, whose value looks like an option."""
    joined = list(arguments)
    at = joined.index("--seed-arg") if "--seed-arg" in joined else len(joined)
    if at + 1 < len(joined):
        joined[at : at + 2] = [f"--seed-arg={joined[at + 1]}"]
    return joined


def ab_options(arguments: Sequence[str], options: argparse.Namespace) -> AbOptions:
    """Reads the options of `--ab`.

    Args:
        arguments: the whole command line of absgd-run.
        options: the same, as absgd-run's parser has read it.

    Raises:
        AbError: an option that is missing, or is not permitted.
    """
    behind = len(options.arguments) + 1
    head, script = [*arguments[: len(arguments) - behind]], tuple(arguments[len(arguments) - behind :])
    if options.module:
        head.remove("-m")
        script = ("-m", *script)
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_options(own)
    own.add_argument("--name")
    own.add_argument("--exact-name", action="store_true")
    treated = tuple(own.parse_known_args(head)[1])
    lambdas = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    lambdas._negative_number_matcher = re.compile(r"^-(inf|(\d+\.?\d*|\.\d+)(e[-+]?\d+)?)$", re.IGNORECASE)
    for option in ("--lam", "--plan", "--recipe", "--wrong", "--steps", "--gamma"):
        lambdas.add_argument(option)
    plain = tuple(lambdas.parse_known_args(list(treated))[1])
    _check(options)
    metric = options.metric or "the metric"
    goal = options.goal or ("min" if "loss" in metric.lower() or "error" in metric.lower() else "max")
    return AbOptions(
        options.seeds or 3,
        options.seed_arg,
        options.seed_env,
        options.metric,
        options.metric_regex,
        goal,
        0.005 if options.matters is None else options.matters,
        options.jobs or 1,
        treated,
        plain,
        options.name or "ab",
        script,
    )


def _check(options: argparse.Namespace) -> None:
    if options.recipe is None and options.lam is None and options.plan is None:
        raise AbError("--ab compares lambda off with something: add --recipe wrong-labels, --lam or --plan")
    if options.seed_arg is None and options.seed_env is None:
        raise AbError(
            "--ab does not know how the script takes its seed: add --seed-arg --seed, --seed-arg seed= or "
            "--seed-env NAME"
        )
    if (options.metric is None) == (options.metric_regex is None):
        raise AbError(
            "--ab needs to know what decides: give --metric NAME or --metric-regex REGEX, one of them"
        )
    for name in ("seeds", "jobs"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise AbError(f"--{name} is {value}, must be a whole number from 1")
    if options.matters is not None and not options.matters > 0:
        raise AbError(f"--matters is {options.matters:g}, must be above 0")
    if options.metric_regex is not None:
        try:
            groups = re.compile(options.metric_regex).groups
        except re.error as error:
            raise AbError(
                f"--metric-regex {options.metric_regex!r} is no regular expression: {error}"
            ) from None
        if groups != 1:
            raise AbError(f"--metric-regex has {groups} groups, must have one, as in 'acc=([0-9.]+)'")
