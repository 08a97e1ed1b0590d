"""A worker that is started before its settings are known."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from project import SOURCE

# Without the package, which imports torch.
SCRIPT = """
import os, sys
from await_settings import await_settings
await_settings()
print(os.environ.get("ABSGD_RUN"), sys.argv[1:], repr(sys.stdin.read()), "ABSGD_AWAIT_SETTINGS" in os.environ)
"""


def run(text: str, *, awaits: bool) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "PYTHONPATH": str(SOURCE / "absgd_worker" / "link"),
        **({"ABSGD_AWAIT_SETTINGS": "1"} if awaits else {}),
    }
    command = [sys.executable, "-c", SCRIPT, "given"]
    return subprocess.run(command, input=text, env=env, capture_output=True, text=True, check=False)


def test_it_takes_variables_and_arguments_from_its_input_which_is_empty_afterwards() -> None:
    settings = {"environment": {"ABSGD_RUN": "/runs/one"}, "arguments": ["train.py", "--lr", "1"]}
    ended = run(json.dumps(settings) + "\n", awaits=True)
    assert (ended.stdout, ended.stderr) == ("/runs/one ['train.py', '--lr', '1'] '' False\n", "")


def test_it_ends_quietly_if_its_input_ends_without_settings() -> None:
    ended = run("", awaits=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_a_worker_that_was_started_with_its_settings_reads_no_input() -> None:
    assert run("text", awaits=False).stdout == "None ['given'] 'text' False\n"
