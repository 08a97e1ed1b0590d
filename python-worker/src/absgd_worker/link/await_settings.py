"""Waits for the settings of a worker that was started before they were known.

A controller starts Python early, so that torch is imported while it loads the experiment. Then it sends one
line of JSON on stdin: environment variables, and arguments of the command line.
"""

from __future__ import annotations

import json
import os
import sys


def await_settings() -> None:
    """Puts the settings into `os.environ` and `sys.argv`. Does nothing in a worker that has been started with
    them.

    Raises:
        SystemExit: stdin ended without settings: this worker is not needed.
    """
    if not os.environ.pop(VARIABLE, ""):
        return
    line = sys.stdin.buffer.readline()
    if not line:
        # The rest of Python's own end takes time, and there is nothing to clean up.
        os._exit(0)
    settings = json.loads(line)
    os.environ.update(settings["environment"])
    sys.argv[1:] = settings["arguments"]
    # A worker has no input.
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


VARIABLE = "ABSGD_AWAIT_SETTINGS"
