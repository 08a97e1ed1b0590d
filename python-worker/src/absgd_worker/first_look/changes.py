"""The lines that a script would need so that its samples are known."""

from __future__ import annotations

import ast
from typing import NamedTuple

from absgd_worker.first_look.findings import Kind


class Insertion(NamedTuple):
    """Text in place of a part of a line; a line of its own before it if `end` is 0.

    Lines count from 1, columns in bytes of UTF-8 from 0, as in `ast`.
    """

    line: int
    start: int
    end: int
    text: str


def with_changes(text: str, changes: list[Insertion]) -> str:
    """The text with all changes made. What ends its lines stays."""
    lines = text.splitlines(keepends=True)
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    for change in sorted(changes, key=lambda change: (change.line, change.start), reverse=True):
        at = change.line - 1
        if change.end == 0:
            lines.insert(at, change.text + ending)
        else:
            line = lines[at].encode()
            lines[at] = (line[: change.start] + change.text.encode() + line[change.end :]).decode()
    return "".join(lines)


CALLBACKS = {
    "hugging-face": "from absgd_worker.integrations.hugging_face import AbsgdCallback",
    "lightning": "from absgd_worker.integrations.lightning import AbsgdCallback",
}


def changes_of(tree: ast.Module, kind: Kind, recipe: str) -> list[Insertion]:
    """Nothing where no line is found that could be changed."""
    made = _tracked_loaders(tree) if kind == "loop" else _callbacks(tree, recipe)
    if not made:
        return []
    text = "import absgd_worker as absgd" if kind == "loop" else CALLBACKS[kind]
    return [Insertion(line=_line_after_imports(tree), start=0, end=0, text=text), *made]


def _tracked_loaders(tree: ast.Module) -> list[Insertion]:
    """`for images, labels in loader:` with a backward pass in it becomes `in absgd.track(loader):`."""
    made = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.For) or not _trains(node):
            continue
        loop = _loader_of(node.iter)
        if loop is None or loop.lineno != loop.end_lineno or loop.end_col_offset is None:
            continue
        text = f"absgd.track({ast.unparse(loop)})"
        made.append(Insertion(line=loop.lineno, start=loop.col_offset, end=loop.end_col_offset, text=text))
    return made


def _trains(loop: ast.For) -> bool:
    """Whether the loop itself, and no loop in it, has a backward pass."""
    for node in ast.walk(loop):
        if node is not loop and isinstance(node, ast.For) and _trains(node):
            return False
    return any(isinstance(node, ast.Attribute) and node.attr == "backward" for node in ast.walk(loop))


def _loader_of(expression: ast.expr) -> ast.expr | None:
    """The loader that a loop reads, also behind `enumerate` and `tqdm`; None for `range` and others."""
    if isinstance(expression, ast.Call):
        name = ast.unparse(expression.func).rsplit(".", 1)[-1]
        return _loader_of(expression.args[0]) if name in {"enumerate", "tqdm"} and expression.args else None
    return expression if isinstance(expression, ast.Name | ast.Attribute | ast.Subscript) else None


def _callbacks(tree: ast.Module, recipe: str) -> list[Insertion]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not ast.unparse(node.func).rsplit(".", 1)[-1].endswith(
            "Trainer"
        ):
            continue
        callback = f'AbsgdCallback(recipe="{recipe}")'
        given = next((entry.value for entry in node.keywords if entry.arg == "callbacks"), None)
        if given is None and node.end_lineno is not None and node.end_col_offset is not None:
            end = node.end_col_offset - 1
            # A comma may be there already, with its bracket on a line of its own.
            last = [*node.args, *(entry.value for entry in node.keywords)]
            if not last or last[-1].end_lineno != node.end_lineno:
                return _before_bracket(node, callback)
            return [Insertion(line=node.end_lineno, start=end, end=end, text=f", callbacks=[{callback}]")]
        if isinstance(given, ast.List) and given.lineno == given.end_lineno:
            start = given.col_offset + 1
            separator = ", " if given.elts else ""
            return [Insertion(line=given.lineno, start=start, end=start, text=f"{callback}{separator}")]
        return []
    return []


def _before_bracket(node: ast.Call, callback: str) -> list[Insertion]:
    """For a call whose bracket closes on a line of its own."""
    if node.end_lineno is None or node.end_col_offset is None:
        return []
    values = [*node.args, *(entry.value for entry in node.keywords)]
    indent = " " * (
        values[-1].col_offset if node.args and not node.keywords else node.keywords[-1].col_offset
    )
    return [Insertion(line=node.end_lineno, start=0, end=0, text=f"{indent}callbacks=[{callback}],")]


def _line_after_imports(tree: ast.Module) -> int:
    """The line behind the last import at the top of the module."""
    last = 0
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            last = node.end_lineno or node.lineno
        elif last == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            # The docstring.
            continue
        else:
            break
    return last + 1
