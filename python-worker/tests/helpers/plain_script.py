"""Runs a script without ABSGD."""

from __future__ import annotations

import runpy
import sys

import torch

from project import SCRIPTS


def as_it_is(script: str, *arguments: str) -> None:
    sys.argv = [str(SCRIPTS / script), *arguments]
    torch._dynamo.reset()
    runpy.run_path(sys.argv[0], run_name="__main__")
