"""Finds the arguments of `argparse` in a script."""

from __future__ import annotations

import ast
from typing import Any

from absgd_worker.first_look.findings import Argument


def arguments_in(tree: ast.Module) -> tuple[list[Argument], list[str]]:
    """The arguments that can be parameters, and the names of the others."""
    found: list[Argument] = []
    left_out: list[str] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith(".add_argument"):
            continue
        flags = [value for value in map(_literal, node.args) if isinstance(value, str)]
        if not flags:
            continue
        flag = next((name for name in flags if name.startswith("--")), flags[0])
        argument = _argument(flag, {entry.arg: entry.value for entry in node.keywords if entry.arg})
        if argument is None:
            left_out.append(flag)
        else:
            found.append(argument)
    return found, left_out


def _argument(flag: str, given: dict[str, ast.expr]) -> Argument | None:
    name = flag.lstrip("-").replace("-", "_")
    if not flag.startswith("--") or "nargs" in given or not name.isidentifier():
        return None
    action = _literal(given["action"]) if "action" in given else None
    if action == "store_true":
        return Argument(flag=flag, name=name, kind="flag", default=False, choices=None)
    default = _literal(given["default"]) if "default" in given else None
    is_required = "required" in given and _literal(given["required"]) is True
    kind = _kind(given.get("type"), default)
    is_known = default is not _UNKNOWN and (default is not None or is_required)
    if action not in {None, "store"} or kind is None or not is_known:
        return None
    choices = _literal(given["choices"]) if "choices" in given else None
    listed = list(choices) if isinstance(choices, list | tuple) and choices else None
    return Argument(flag=flag, name=name, kind=kind, default=default, choices=listed)


def _kind(given: ast.expr | None, default: object) -> Any:
    name = ast.unparse(given) if given is not None else "str"
    if name in {"int", "float", "str"}:
        fits = {"int": int, "float": (int, float), "str": str}[name]
        is_fitting = default is None or (isinstance(default, fits) and not isinstance(default, bool))
        return name if is_fitting else None
    return "str" if name.rsplit(".", 1)[-1] == "Path" and isinstance(default, str) else None


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return _UNKNOWN


_UNKNOWN = object()
"""A value that is computed."""
