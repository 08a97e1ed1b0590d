"""Finds how a script prints its accuracy."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator


def printed_accuracy(tree: ast.Module) -> str | None:
    """A regular expression, with the number as its group, for the accuracy that the script prints last in its
    text; None if it prints none whose name has `acc` in it."""
    found = None
    for text in _texts_before_values(tree):
        match = _LABEL.search(text)
        if match is not None:
            found = match[1]
    if found is None or "'" in found:
        return None
    label = re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", found)
    return rf"{label}[ =:]*([0-9.]+)"


def _texts_before_values(tree: ast.Module) -> Iterator[str]:
    """The texts that stand before a value: in f-strings, with %, and as arguments of `print`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            for text, value in zip(node.values, node.values[1:], strict=False):
                if isinstance(value, ast.FormattedValue):
                    yield _text(text)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            yield from re.split(r"%[-+ 0-9.]*[a-zA-Z]", _text(node.left))[:-1]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
            yield from map(_text, node.args[:-1])


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


_LABEL = re.compile(r"((?:\w+[ _.])?\w*acc\w*)[ =:]*$", re.IGNORECASE)
