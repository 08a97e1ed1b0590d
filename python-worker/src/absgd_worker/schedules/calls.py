"""The functions that can be called in the text of a schedule, and their arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from absgd_worker.schedules import builders
from absgd_worker.schedules.durations import Duration, epochs, step_count
from absgd_worker.schedules.errors import ScheduleError
from absgd_worker.schedules.nearest import nearest
from absgd_worker.schedules.shapes import Constant, Source

Value = object
"""A number, a Source, a Duration, a word as a string, or points as a list of pairs."""


class Arguments(NamedTuple):
    unnamed: list[Value]
    named: dict[str, Value]


WORDS = {"value", "log", "inverse", "none", "linear", "cosine", "exponential"}


def call(name: str, arguments: Arguments) -> Value:
    """Raises ScheduleError for arguments that the function does not have, or refuses."""
    return CALLS[name](arguments)


def is_callable(name: str) -> bool:
    return name in CALLS


def names(given: str) -> str:
    """`"cosine"? one of off, constant, …`: the most similar name, and all names."""
    near = nearest(given, CALLS)
    meant = "" if near is None else f'"{near}"? '
    return f"{meant}one of {', '.join(CALLS)}"


def _by_name(name: str, arguments: Arguments) -> dict[str, Value]:
    """The arguments by name; unnamed arguments are assigned in order. The called function checks the
    values."""
    order, others = TAKEN[name]
    known = (*order, *others)
    if len(arguments.unnamed) > len(order):
        raise ScheduleError(
            f"{name} takes {', '.join(order)}, not {len(arguments.unnamed)} of them",
            f"by name it takes {', '.join(others)} too" if others else "",
        )
    found = dict(zip(order, arguments.unnamed, strict=False))
    for key, value in arguments.named.items():
        if key not in known:
            raise ScheduleError(f'{name} has no argument "{key}"', f"it takes {', '.join(known)}")
        if key in found:
            raise ScheduleError(f"{name} is given {key} twice")
        found[key] = value
    return {PYTHON.get(key, key): _level(value) if key in NUMBERS else value for key, value in found.items()}


def _level(value: Value) -> Value:
    """`off` in place of a number."""
    if isinstance(value, Source) and isinstance(value.shape, Constant) and value.duration is None:
        return value.shape.value
    return value


def _number(name: str, arguments: Arguments) -> float:
    if len(arguments.unnamed) == 1 and not arguments.named:
        [value] = arguments.unnamed
        if isinstance(value, (int, float)):
            return value
    raise ScheduleError(f"{name} takes one number")


def _steps(arguments: Arguments) -> Value:
    unnamed = arguments.unnamed
    if len(unnamed) == 1 and not arguments.named and isinstance(unnamed[0], (int, float)):
        return step_count(unnamed[0])
    return _made("steps", builders.steps, arguments)


def _epochs(arguments: Arguments) -> Value:
    named = dict(arguments.named)
    more = named.pop("steps", 0)
    if named or not isinstance(more, (int, float)):
        raise ScheduleError("epochs takes a number, and steps=n to add some")
    count = epochs(_number("epochs", Arguments(arguments.unnamed, {}))).epochs
    return Duration(count, step_count(more).steps)


def _join(arguments: Arguments) -> Value:
    if arguments.named:
        raise ScheduleError("join takes schedules, and none by name")
    return builders.join(*arguments.unnamed)


def _off(arguments: Arguments) -> Value:
    if arguments.unnamed or arguments.named:
        raise ScheduleError("off takes nothing")
    return builders.off()


def _made(name: str, build: Callable[..., Source], arguments: Arguments) -> Source:
    given = _by_name(name, arguments)
    for key in NEEDED.get(name, ()):
        given.setdefault(PYTHON.get(key, key), None)
    for key in ("at", "boundaries"):
        if key in TAKEN[name][0] and not isinstance(given.get(key), list):
            raise ScheduleError(f"{key} of {name} is no list", "it takes [[duration, value], …]")
    return build(**given)


def _builder(name: str, build: Callable[..., Source]) -> Callable[[Arguments], Value]:
    return lambda arguments: _made(name, build, arguments)


TAKEN: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "linear": (("init", "end", "over"), ("transitionSteps", "begin", "space")),
    "cosine": (("init", "end", "over"), ("transitionSteps", "begin", "space")),
    "exponential": (("init", "end", "over"), ("transitionSteps", "begin")),
    "steps": (("init", "at"), ()),
    "piecewise": (("init", "boundaries", "interpolate"), ()),
    "warmup": (("init", "over", "then"), ("warmupSteps", "space")),
    "twoStage": (("off", "lambda"), ()),
    "scale": (("source", "factor"), ()),
    "bound": (("source", "min", "max"), ()),
}
"""Arguments in order, then those that can only be given by name."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    "steps": ("init", "at"),
    "piecewise": ("init", "boundaries"),
    "twoStage": ("off", "lambda"),
    "scale": ("source", "factor"),
    "bound": ("source",),
}
NUMBERS = {"init", "end", "factor", "min", "max"}
PYTHON = {
    "transitionSteps": "transition_steps",
    "warmupSteps": "warmup_steps",
    "off": "off_for",
    "lambda": "lam",
}
"""Names of arguments in Python, where they differ."""

CALLS: Mapping[str, Callable[[Arguments], Value]] = {
    "off": _off,
    "constant": lambda arguments: builders.constant(_number("constant", arguments)),
    "linear": _builder("linear", builders.linear),
    "cosine": _builder("cosine", builders.cosine),
    "exponential": _builder("exponential", builders.exponential),
    "steps": _steps,
    "epochs": _epochs,
    "piecewise": _builder("piecewise", builders.piecewise),
    "warmup": _builder("warmup", builders.warmup),
    "twoStage": _builder("twoStage", builders.two_stage),
    "join": _join,
    "scale": _builder("scale", builders.scale),
    "bound": _builder("bound", builders.bound),
}
