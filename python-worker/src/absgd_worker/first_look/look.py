"""Looks at the text of a script. Pure."""

from __future__ import annotations

import ast
import difflib
import sys

from absgd_worker.errors import WorkerError
from absgd_worker.first_look.arguments import arguments_in
from absgd_worker.first_look.changes import changes_of, with_changes
from absgd_worker.first_look.findings import Findings, Kind
from absgd_worker.first_look.losses import losses_in
from absgd_worker.first_look.metric import printed_accuracy


class LookError(WorkerError):
    """A file that is no training script."""


def look(text: str, name: str, recipe: str = "wrong-labels") -> Findings:
    """What the script does.

    Args:
        name: of the script, in the diff.
        recipe: named in the lines that are proposed.

    Raises:
        LookError: it is no Python, or nothing in it trains.
    """
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise LookError(f"line {error.lineno}: no Python that {_version()} reads: {error.msg}") from None
    imported = _imports(tree)
    kind = _kind(tree, imported)
    losses = losses_in(tree)
    if kind == "loop" and not losses and not _has_backward(tree):
        raise LookError(
            "nothing in it trains: there is no call of .backward(), no loss of torch.nn, and no Trainer. "
            "Name the file with the training loop; for a module, the file that it runs"
        )
    arguments, left_out = arguments_in(tree)
    has_absgd = "absgd_worker" in imported
    changed = text if has_absgd else with_changes(text, changes_of(tree, kind, recipe))
    return Findings(
        kind=kind,
        losses=losses,
        arguments=arguments,
        left_out=left_out,
        changed=changed,
        diff=_diff(text, changed, name),
        has_absgd=has_absgd,
        metric_regex=printed_accuracy(tree),
    )


def _kind(tree: ast.Module, imported: set[str]) -> Kind:
    calls = {
        ast.unparse(node.func).rsplit(".", 1)[-1] for node in ast.walk(tree) if isinstance(node, ast.Call)
    }
    if not any(name.endswith("Trainer") for name in calls):
        return "loop"
    if imported & {"lightning", "pytorch_lightning"}:
        return "lightning"
    return "hugging-face" if imported & {"transformers", "trl", "sentence_transformers"} else "loop"


def _diff(before: str, after: str, name: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm="")
    return "\n".join(lines)


def _imports(tree: ast.Module) -> set[str]:
    """The names of the packages that the script imports, at any place."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


def _has_backward(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == "backward" for node in ast.walk(tree))


def _version() -> str:
    return f"Python {sys.version_info.major}.{sys.version_info.minor}"
