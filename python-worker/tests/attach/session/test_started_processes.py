"""Processes that a script starts: training in them is refused while lambda is on, all else is let be."""

from __future__ import annotations

import math
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import absgd_worker as absgd
import started_training
from absgd_worker import run
from absgd_worker.attach.session.started_processes import starts_training

ON, OFF = -1.0, math.inf


def exit_code(method: str, target: Callable[[], object]) -> int | None:
    context: Any = multiprocessing.get_context(method)
    if method == "forkserver":
        # It imports torch once for all of its processes.
        context.set_forkserver_preload(["started_training"])
    process = context.Process(target=target)
    process.start()
    process.join(600)
    return process.exitcode


@pytest.mark.parametrize(
    ("lam", "target", "code"),
    [
        (ON, started_training.train, 1),
        (ON, started_training.Trainer(), 1),
        (ON, started_training.look, 0),
        (ON, started_training.train_in_a_session_of_its_own, 0),
        (OFF, started_training.train, 0),
    ],
)
def test_a_fork_that_trains_is_refused_while_lambda_is_on(
    lam: float, target: Callable[[], object], code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    # An optimizer imports torch's compiler: the forks have it then.
    torch.optim.SGD([torch.ones(1)], lr=1)
    with absgd.session(lam=lam):
        assert exit_code("fork", target) == code
    assert ("was started by fork" in capfd.readouterr().err) is (code == 1)
    assert exit_code("fork", target) == 0


def test_a_spawned_process_that_trains_is_refused_while_lambda_is_on(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with absgd.session(lam=ON):
        assert exit_code("spawn", started_training.train) == 1
    assert "was started by multiprocessing" in capfd.readouterr().err


def test_a_forkserver_lets_processes_be_that_do_not_train_or_have_lambda_off() -> None:
    with absgd.session(lam=ON):
        assert exit_code("forkserver", started_training.look) == 0
    with absgd.session(lam=OFF):
        assert exit_code("forkserver", started_training.train) == 0


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (["torchrun", "--nproc-per-node", "2", "train.py"], "torchrun"),
        (["/usr/bin/torchrun", "other.py"], "torchrun"),
        ([sys.executable, "-m", "torch.distributed.run", "train.py"], "torch.distributed.run"),
        ([sys.executable, "-u", "-m", "torch.distributed.launch", "t.py"], "torch.distributed.launch"),
        (["accelerate", "launch", "train.py"], "accelerate"),
        (["deepspeed", "train.py"], "deepspeed"),
        ([sys.executable, "train.py", "--rank", "1"], "train.py"),
        ([sys.executable, "-m", "torch.distributed.run", "-m", "absgd_worker.run", "train.py"], None),
        (["torchrun", "-m", "absgd_worker.run", "train.py"], None),
        ([sys.executable, "prepare.py"], None),
        ([sys.executable, "-c", "print('train.py')"], None),
        (["nvidia-smi"], None),
        ([], None),
    ],
)
def test_a_command_that_starts_ranks_or_the_script_again_is_known(
    command: list[str], found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "--own"])
    assert starts_training(command) == found


@pytest.mark.parametrize(
    "call",
    [
        lambda: subprocess.run(["torchrun", "x.py"], check=True),
        lambda: subprocess.call("torchrun x.py", shell=True),
        lambda: subprocess.check_output(("torchrun", "x.py")),
        lambda: subprocess.Popen([b"torchrun", Path("x.py")]),
        lambda: os.system("torchrun x.py"),
    ],
)
def test_a_launcher_is_refused_where_it_is_called(call: Callable[[], object]) -> None:
    before = (subprocess.Popen.__init__, os.system)
    with absgd.session(lam=ON), pytest.raises(absgd.SessionError, match="starts torchrun, whose processes"):
        call()
    assert (subprocess.Popen.__init__, os.system) == before
    with absgd.session(lam=ON):
        subprocess.run([sys.executable, "-c", ""], check=True)


def test_under_absgd_run_nothing_is_refused_while_lambda_is_off(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "starts.py"
    script.write_text(
        "import os, subprocess, sys\n"
        "if len(sys.argv) > 1: sys.exit(print('again'))\n"
        "subprocess.run([sys.executable, sys.argv[0], 'again'], check=True)\n"
        "child = os.fork()\n"
        "if child == 0: os.execv(sys.executable, [sys.executable, '-c', 'print(1)'])\n"
        "os.waitpid(child, 0)\n"
    )
    assert run.main(["--quiet", "--lam", "off", str(script)]) == 0
    assert capfd.readouterr().out == "again\n1\n"
    with pytest.raises(absgd.SessionError, match=r"starts .*starts\.py"):
        run.main(["--quiet", "--lam", "-1", str(script)])
