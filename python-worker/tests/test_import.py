"""What the package asks of the environment that it is imported into."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

import absgd_worker
from project import SOURCE
from warm_interpreter import run_python

OLDEST = (3, 10)

LOOP = """
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = absgd_worker.wrap(torch.nn.CrossEntropyLoss())
with absgd_worker.session(lam=-1.0{more}) as session:
    for _ in range(2):
        optimizer.zero_grad()
        criterion(model(torch.ones(6, 4)), torch.arange(6) % 3).backward()
        optimizer.step()
    state = session.state_dict()
assert session.step == 2
"""


AFTER_TORCH = (
    "import sys, torch; print('torch is there', flush=True); sys.stderr.write('torch is there\\n')\n"
)


def printed(done: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    """What it printed on standard output and error after torch was imported."""
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("torch is there\n")[2], done.stderr.partition("torch is there\n")[2]


def test_in_a_fresh_interpreter_it_loads_nothing_heavy_and_no_compiler_and_prints_nothing() -> None:
    heavy = "{'zmq', 'google', 'numpy', 'sklearn', 'runpy', 'IPython', 'wandb', 'tensorboard', 'subprocess'}"
    new = "new = {name.partition('.')[0] for name in set(sys.modules) - before}\nassert not new & " + heavy
    imported = (
        "before = set(sys.modules)\nimport absgd_worker\nabsgd_worker.wrap\n"
        f"assert not [name for name in set(sys.modules) - before if name.startswith('torch.')]\n{new}\n"
    )
    # An optimizer loads the compiler, which may load anything.
    trained = (
        f"torch.optim.SGD([torch.ones(1)], lr=1)\nbefore = set(sys.modules)\n{LOOP.format(more='')}\n{new}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", AFTER_TORCH + imported + trained],
        env={"PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert printed(done) == ("", "")


def test_numpy_is_not_needed(tmp_path) -> None:
    block = "sys.modules['numpy'] = None\nimport absgd_worker\n"
    done = run_python(
        *("-c", AFTER_TORCH + block + LOOP.format(more=", run='mine'")),
        env={"PYTHONPATH": str(SOURCE), "ABSGD_RUNS": str(tmp_path)},
    )
    assert printed(done) == ("", "")
    assert (tmp_path / "mine" / "samples.log").stat().st_size > 16


def test_its_syntax_is_that_of_the_oldest_python_supported() -> None:
    with pytest.raises(SyntaxError):
        ast.parse("def f[T](x: T): ...", feature_version=OLDEST)
    for file in SOURCE.rglob("*.py"):
        ast.parse(file.read_text(encoding="utf-8"), str(file), feature_version=OLDEST)


def test_the_package_names_what_a_task_needs() -> None:
    assert set(absgd_worker.__all__) >= {"Context", "Evaluated", "Task", "TaskError"}
    assert all(hasattr(absgd_worker, name) for name in absgd_worker.__all__)
