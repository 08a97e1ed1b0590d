"""Prints as JSON what the Python package exports: run by exports.mjs."""

from __future__ import annotations

import importlib
import inspect
import json
from types import ModuleType
from typing import Any

MODULES = (
    "absgd_worker",
    "absgd_worker.weights",
    "absgd_worker.losses",
    "absgd_worker.integrations.hugging_face",
    "absgd_worker.integrations.lightning",
)


def describe(value: Any) -> dict[str, Any]:
    if isinstance(value, ModuleType):
        return {"kind": "module"}
    if inspect.isclass(value):
        own = [cls for cls in value.__mro__ if cls.__module__.startswith("absgd_worker")]
        members = {name for cls in own for name in (*vars(cls), *getattr(cls, "__annotations__", {}))}
        public = sorted(name for name in members if not name.startswith("_"))
        return {"kind": "class", "parameters": parameters(value), "members": public}
    if callable(value):
        return {"kind": "function", "parameters": parameters(value)}
    return {"kind": type(value).__name__}


def parameters(value: Any) -> list[str]:
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return ["?"]
    return [
        f"{parameter.kind.name} {parameter.name}" + default_text(parameter)
        for parameter in signature.parameters.values()
    ]


def default_text(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return ""
    text = repr(parameter.default)
    return " = …" if " at 0x" in text else f" = {text}"


def exports(name: str) -> dict[str, Any]:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        return {"does not import": str(error)}
    names = getattr(module, "__all__", None)
    if names is None:
        names = [key for key, value in vars(module).items() if getattr(value, "__module__", None) == name]
        names = [key for key in names if not key.startswith("_")]
    return {key: describe(getattr(module, key)) for key in sorted(names)}


print(json.dumps({name: exports(name) for name in MODULES}))
