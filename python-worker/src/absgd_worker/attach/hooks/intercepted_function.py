"""Observes all calls of a Python function of torch, by whichever name a script calls it.

A script may hold a function under several names: `from torch.nn.functional import cross_entropy`. So the
function stays the same object, and its code is exchanged.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

Around = Callable[..., Any]
"""Called as `around(original, *args, **kwargs)`; `original` is a copy of the function with its own code."""


def can_be_intercepted(function: Any) -> bool:
    """Whether it is a Python function without a closure and without `*args` or `**kwargs`."""
    if not isinstance(function, FunctionType) or function.__code__.co_freevars:
        return False
    return not function.__code__.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)


def intercept(function: Any, around: Around) -> Callable[[], None]:
    """Makes every call of `function` a call of `around`. Its signature and its source stay as they are.

    `function`: one that `can_be_intercepted`.

    Returns:
        A function that ends this.
    """
    plain_code, scope = function.__code__, function.__globals__
    original = FunctionType(plain_code, scope, function.__name__, function.__defaults__)
    original.__kwdefaults__ = function.__kwdefaults__
    vars(original)["intercepted"] = function
    name = f"_absgd_{function.__name__}"
    scope[name] = lambda *args, **kwargs: around(original, *args, **kwargs)
    function.__code__ = code = _calling_code(function, name)

    def remove() -> None:
        if function.__code__ is code:
            function.__code__ = plain_code
            scope.pop(name, None)

    return remove


def intercepted_by(original: Any) -> Any:
    """The function of torch that `original`, as `around` gets it, is the copy of."""
    return original.intercepted


def _calling_code(function: Any, name: str) -> Any:
    """Code with the parameters of `function` that calls the global `name` with them."""
    code = function.__code__
    count = code.co_argcount
    positional = code.co_varnames[:count]
    keywords = code.co_varnames[count : count + code.co_kwonlyargcount]
    parameters = ", ".join([*positional, *(["*", *keywords] if keywords else [])])
    arguments = ", ".join([*positional, *(f"{keyword}={keyword}" for keyword in keywords)])
    made: dict[str, Any] = {}
    exec(f"def {function.__name__}({parameters}): return {name}({arguments})", made)
    # TorchScript reads the source of a function where its code says that it is.
    return made[function.__name__].__code__.replace(
        co_filename=code.co_filename, co_firstlineno=code.co_firstlineno
    )
