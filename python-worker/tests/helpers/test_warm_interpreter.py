"""A fork of the warm process runs a program as a fresh interpreter does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from project import SOURCE
from warm_interpreter import WarmProcess, run_python

PROGRAM = """
import atexit, os, pickle, sys, threading

class Own:
    pass

assert type(pickle.loads(pickle.dumps(Own()))) is Own
atexit.register(lambda: print("at exit", sys.modules["__main__"].__name__))
thread = threading.Thread(target=lambda: (threading.main_thread().join(), print("the last thread")))
thread.start()
print(__name__, globals().get("__file__"), __package__, __spec__ and __spec__.name, __annotations__, __doc__)
print(type(__loader__).__name__, sys.argv, sys.orig_argv[1:], os.getcwd(), os.environ["GIVEN"])
print(sys.path, sys.stdin.name, sys.stdout.name, sys.stderr.mode, sys.stdout.isatty(), sys.stdin.read())
print("an error \\udcff", file=sys.stderr)
exec(sys.argv[1])
"""


ENDS = [
    "pass",
    "raise KeyError('of its own')",
    "sys.exit(3)",
    "sys.exit('why it ended')",
    "raise KeyboardInterrupt",
    "os._exit(7)",
    "(sys.stdout.flush(), os.kill(os.getpid(), 9))",
    "__import__('signal').raise_signal(2)",
    "sys.exit([1, 2])",
    "sys.exit(259)",
    "sys.exit()",
    "import no_such_module",
]
FORMS = ["-c", "-m", "file", "file elsewhere"]


@pytest.mark.parametrize(
    ("form", "end"),
    [
        *zip(FORMS * 3, ENDS, strict=True),
        *((form, ENDS[1]) for form in ("-c", "file", "file elsewhere")),
    ],
)
def test_a_program_sees_prints_and_ends_as_under_a_fresh_interpreter(
    tmp_path: Path, form: str, end: str
) -> None:
    folder = tmp_path / "elsewhere" if form == "file elsewhere" else tmp_path
    folder.mkdir(exist_ok=True)
    (tmp_path / "program.py").write_text(PROGRAM)
    command = {
        "-c": ("-c", PROGRAM),
        "-m": ("-m", "program"),
        "file": ("program.py",),
        "file elsewhere": ("../program.py",),
    }[form]
    command = (*command, end, "--own")
    env = {"GIVEN": "a value", "PYTHONPATH": f"{SOURCE}:relative"}
    given = tmp_path / "stdin"
    given.write_text("what was typed")
    with given.open("rb") as stdin:
        fresh = subprocess.run(
            [sys.executable, *command],
            cwd=folder,
            env=env,
            stdin=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
    with given.open("rb") as stdin:
        warm = run_python(*command, cwd=folder, env=env, stdin=stdin)
    assert (warm.returncode, warm.stdout, warm.stderr) == (fresh.returncode, fresh.stdout, fresh.stderr)


def test_torch_is_there_at_once_and_the_package_is_read_anew() -> None:
    code = "import sys; print('torch' in sys.modules, 'absgd_worker' in sys.modules)"
    assert run_python("-c", code).stdout == "True False\n"
    assert run_python("-c", code, keeps_package=True).stdout == "True True\n"


def test_every_fork_has_random_numbers_of_its_own() -> None:
    code = "import random, torch; print(random.random(), torch.initial_seed())"
    first, second = (run_python("-c", code).stdout.split() for _ in range(2))
    assert not {*first} & {*second}


def test_an_option_of_the_interpreter_is_refused() -> None:
    with pytest.raises(ValueError, match="-u is an option"):
        run_python("-u", "-c", "")


def test_a_process_that_hangs_is_ended_and_reported(tmp_path: Path) -> None:
    process = WarmProcess("-c", "import time; time.sleep(1000)")
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait() == -signal.SIGTERM
    process.kill()


def test_a_file_limit_and_a_session_of_its_own(tmp_path: Path) -> None:
    code = (
        "import os, signal; print(os.getsid(0) == os.getpid(), flush=True)\n"
        "out = open('full', 'wb', 0); out.write(bytes(100)); out.write(b'1')"
    )
    done = run_python("-c", code, cwd=tmp_path, new_session=True, file_limit=50)
    assert (done.stdout, done.returncode) == ("True\n", 1)
    assert (tmp_path / "full").stat().st_size == 50
    assert run_python("-c", code, cwd=tmp_path).returncode == 0
