"""Unmodified scripts: nothing changes while lambda is off, and all losses are captured."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from absgd_worker import run
from absgd_worker.attach.errors import SessionError
from absgd_worker.version import VERSION
from plain_script import as_it_is
from project import SCRIPTS, SOURCE
from warm_interpreter import run_python


@pytest.mark.parametrize(
    ("command", "losses_a_line", "printed"),
    [
        ("mnist_functional.py", 1, "nll_loss mean [B=32]"),
        ("long_tail_criterion.py", 1, "class weights outside the exponent"),
        ("gpt_loss_inside.py", 4, "cross_entropy mean [6 sequences of 16]"),
        ("gpt_loss_inside.py --bfloat16", 4, "[6 sequences of 16]"),
        ("gpt_loss_inside.py --compile", 4, "[6 sequences of 16]"),
    ],
)
def test_a_script_is_bit_identical_while_lambda_is_off_and_not_otherwise(
    command: str,
    losses_a_line: int,
    printed: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script, *arguments = command.split()
    if script == "long_tail_criterion.py":
        pytest.importorskip("numpy", reason="the script asks for it")
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.syspath_prepend("")
    as_it_is(script, *arguments)
    plain = capsys.readouterr().out
    trained = len(re.findall("^train ", plain, re.MULTILINE))
    assert "end " in plain

    for lam in ("off", "-1"):
        torch._dynamo.reset()
        assert run.main(["--lam", lam, str(SCRIPTS / script), *arguments]) == 0
        out, err = capsys.readouterr()
        assert (out == plain) is (lam == "off")
        assert printed in err
        assert "not weighed" not in err
        assert "no weighed loss" not in err
        assert f"absgd: {trained * losses_a_line} losses captured in {trained} steps" in err


def test_a_script_that_trains_at_import_and_asks_for_a_terminal_runs_without_one() -> None:
    def ran(*command: str, terminal: bool) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        ends = os.openpty() if terminal else ()
        try:
            return run_python(*command, stdin=ends[1] if ends else None, env=environment, check=True)
        finally:
            for end in ends:
                os.close(end)

    script = str(SCRIPTS / "cifar_global_criterion.py")
    plain = ran(script, terminal=True)
    captured = ran("-m", "absgd_worker.run", script, terminal=False)
    assert captured.stdout == plain.stdout
    assert "80 columns" in captured.stderr
    assert "absgd: 15 losses captured in 15 steps" in captured.stderr


def test_a_script_ends_with_its_own_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "leaves.py"
    script.write_text("import sys; print(sys.argv[1:], __name__); sys.exit(3)")
    assert run.main([str(script), "--lam", "7"]) == 3
    out, err = capsys.readouterr()
    assert out == "['--lam', '7'] __main__\n"
    assert "no loss was captured" in err


def test_a_script_whose_lambda_has_no_effect_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "elsewhere.py"
    script.write_text("print('trained by somebody else')")
    assert run.main(["--lam", "-2", str(script)]) == 1
    assert run.main(["--lam", "off", str(script)]) == 0
    assert "Processes that it starts are not seen" in capsys.readouterr().err


def test_a_script_that_replaces_its_process_is_refused_and_its_children_are_not(tmp_path: Path) -> None:
    script = tmp_path / "replaces.py"
    script.write_text(
        "import os, subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'print(1)'], check=True)\n"
        "if os.fork() == 0: os.execvp('true', ['true'])\n"
        "assert os.wait()[1] == 0\n"
        "os.execv(sys.executable, [sys.executable, '-V'])\n"
    )
    with pytest.raises(SessionError, match=r"replaces its own process \(os.exec\)"):
        run.main(["--quiet", "--lam", "-1", str(script)])
    assert os.execv.__module__ == "posix"


def test_a_script_has_the_same_paths_and_names_as_under_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "self.py"
    script.write_text(
        "import os, pickle, sys\n"
        "class Own: pass\n"
        "pickle.loads(pickle.dumps(Own()))\n"
        "print(__file__, sys.argv, __name__, __package__, __spec__, __annotations__, sys.path[0])\n"
        "sys.stdout.flush()\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    subprocess.run([sys.executable, "self.py", "a"], check=True, timeout=60)
    plain = capfd.readouterr().out
    assert run.main(["--quiet", "self.py", "a"]) == 0
    assert capfd.readouterr().out == plain


def test_a_process_that_the_script_forks_is_not_weighed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "forks.py"
    script.write_text(
        "import os, torch\n"
        "import torch.nn.functional as F\n"
        "def loss():\n"
        "    scores = torch.arange(12.0).reshape(4, 3).requires_grad_()\n"
        "    return F.cross_entropy(scores, torch.tensor([0, 1, 2, 0])).item()\n"
        "if os.fork() == 0:\n"
        "    print('child', loss(), flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "print('parent', loss(), flush=True)\n"
    )
    assert run.main(["--quiet", "--lam", "-1e-1", str(script)]) == 1
    child, parent = [float(line.split()[1]) for line in capfd.readouterr().out.splitlines()]
    scores = torch.arange(12.0).reshape(4, 3)
    assert child == pytest.approx(
        torch.nn.functional.cross_entropy(scores, torch.tensor([0, 1, 2, 0])).item()
    )
    assert parent != pytest.approx(child)


def test_a_whole_graph_breaks_where_a_loss_is_weighed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "whole.py"
    script.write_text(
        "import torch\n"
        "from torch import nn\n"
        "torch.manual_seed(0)\n"
        "model, x = nn.Linear(4, 4), torch.randn(8, 4)\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "criterion = torch.compile(nn.CrossEntropyLoss(), fullgraph=True, backend='aot_eager')\n"
        "for _ in range(3):\n"
        "    loss = criterion(model(x), x.argmax(1)); loss.backward(); optimizer.step(); print(loss.item())\n"
    )
    plain = torch.compile
    assert run.main([str(script)]) == 0
    assert torch.compile is plain
    printed = capsys.readouterr().err
    assert printed.count("the graph breaks where a loss is weighed") == 1
    assert "3 losses captured in 3 steps" in printed


def test_a_module_and_a_function_of_a_module_are_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "trainer_of_mine.py").write_text("def main(): print('called')\nprint(__name__)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert run.main(["--quiet", "-m", "trainer_of_mine"]) == 0
    assert run.main(["--quiet", "trainer_of_mine:main"]) == 0
    assert capsys.readouterr().out == "__main__\ntrainer_of_mine\ncalled\n"


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["nowhere.py"], "there is no file nowhere.py"),
        (["os:nothing"], "os has no function 'nothing'"),
        (["no_such_module_here:main"], "there is no Python module 'no_such_module_here'"),
    ],
)
def test_a_script_that_cannot_be_run_is_named(
    arguments: list[str], printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(arguments) == 2
    assert printed in capsys.readouterr().err


@pytest.mark.parametrize(
    "own", [["--l", "3"], ["--seed", "1"], ["--lam", "2"], ["--ab"], ["--s=4", "-m", "x"]]
)
def test_options_of_the_script_are_its_own_also_where_absgd_run_has_longer_ones(
    own: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "train.py"
    script.write_text("import sys; print(sys.argv[1:])")
    assert run.main([str(script), *own]) == 0
    assert str(own) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "permitted"),
    [
        (["--lam", "0", "x.py"], "lambda takes numbers other than 0"),
        (["--lam", "join(off.for(5), cosin(-2, -1, 5))", "x.py"], 'at character 18; expected is "cosine"'),
        (["--gamma", "2", "x.py"], "gamma takes numbers above 0, at most 1"),
        (["--gamma", "linear(0.9, 0, over=9)", "x.py"], "gamma is 0 at step 9"),
        (["--accumulate", "0", "x.py"], "must be a whole number from 1"),
        (["--steps-per-epoch", "0", "x.py"], "must be a whole number from 1"),
    ],
)
def test_a_setting_out_of_range_is_refused_with_the_range(
    arguments: list[str], permitted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(arguments)
    assert ended.value.code == 2
    assert permitted in capsys.readouterr().err


def test_a_script_whose_losses_are_not_seen_fails_with_a_message(tmp_path: Path) -> None:
    script = tmp_path / "unseen.py"
    script.write_text(
        "import torch\n"
        "w = torch.zeros(3, requires_grad=True)\n"
        "optimizer = torch.optim.SGD([w], lr=0.1)\n"
        "for _ in range(30):\n"
        "    optimizer.zero_grad(); ((w - 1) ** 2).max().backward(); optimizer.step()\n"
    )
    with pytest.raises(RuntimeError, match=r"20 optimizer steps were made and no loss was weighed.*wrap"):
        run.main(["--lam", "-1", str(script)])


def test_the_version_is_printed_without_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"absgd-run {VERSION}\n"
