"""Cells that are run twice, edited, and interrupted."""

from __future__ import annotations

import math
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.session import current as sessions
from recorder import Recorder, a_model, batches, labels, points
from run_records import bodies, records, runs

__all__ = ["runs"]

SOURCE = Path(api.__file__).parents[2]


@pytest.fixture(autouse=True)
def nobodys_session() -> None:
    sessions.leave_implicit()


def step(criterion: object, model: nn.Module) -> float:
    """Trains nothing; returns the lambda that a loss was weighed with."""
    batch = next(batches(16))
    criterion(model(points[batch]), labels[batch]).backward()  # type: ignore[operator]
    return api.control("lambda", 0)


def test_outside_of_a_session_the_newest_criterion_says_lambda() -> None:
    model, optimizer = a_model()
    api.log(epoch=1)
    criterion = api.wrap(nn.CrossEntropyLoss(), lam=-2.0)
    assert step(criterion, model) == -2
    optimizer.step()
    criterion = api.wrap(nn.CrossEntropyLoss(), lam=-5.0)
    assert step(criterion, model) == -5
    # What it had learned of the losses is still there.
    assert api.current().captured == 2


def test_criteria_that_say_different_lambdas_are_refused_while_both_are_there() -> None:
    model, _ = a_model()
    first = api.wrap(nn.CrossEntropyLoss(), name="a", lam=-2.0)
    second = api.wrap(nn.CrossEntropyLoss(), name="b", lam=-1.0)
    with pytest.raises(SessionError, match=r"'a' lam=-2, gamma=0\.9, 'b' lam=-1, gamma=0\.9: set it once"):
        step(first, model)
    del second
    assert step(first, model) == -2


def test_criteria_that_all_say_off_are_not_refused_whatever_else_they_say() -> None:
    model, optimizer = a_model()
    both = [
        api.wrap(nn.CrossEntropyLoss(), name="a", lam=lambda step: math.inf if step < 1 else -2.0),
        api.wrap(nn.CrossEntropyLoss(), name="b", lam=-math.inf, gamma=0.5),
    ]
    assert math.isinf(step(both[0], model))
    assert math.isinf(step(both[1], model))
    optimizer.step()
    with pytest.raises(SessionError, match="say it once"):
        step(both[0], model)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_a_criterion_that_is_wrapped_twice_is_weighed_once(reduction: str) -> None:
    model, optimizer = a_model()

    def loss(scores: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(scores, targets, reduction=reduction)

    def trained(times: int, criterion: object) -> list[float]:
        for _ in range(times):
            criterion = api.wrap(criterion)  # type: ignore[call-overload]
        source = Recorder()
        with api.session(source=source) as session:
            # Without reduction it is weighed where it is reduced.
            value = criterion(model(points), labels).mean()  # type: ignore[operator]
            optimizer.step()
            assert session.captured == 1
        return [value.item()]

    model.requires_grad_()
    for criterion in (loss, nn.CrossEntropyLoss(reduction=reduction)):
        optimizer.zero_grad()
        assert trained(1, criterion) == trained(2, criterion)


def test_a_session_that_an_earlier_cell_left_open_ends_with_the_next(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = SimpleNamespace(execution_count=1)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))  # type: ignore[arg-type]
    model, optimizer = a_model()
    left = api.session(run="mine", lam=-1.0)
    left.__enter__()
    step(api.wrap(nn.CrossEntropyLoss()), model)
    optimizer.step()
    with pytest.raises(SessionError, match="there is a session already"), api.session():
        pass
    shell.execution_count = 2
    with api.session(lam=-3.0):
        assert step(api.wrap(nn.CrossEntropyLoss()), model) == -3
        left.__exit__(None, None, None)
        assert step(api.wrap(nn.CrossEntropyLoss()), model) == -3
    bye = records(runs / "mine" / "steps.log")[-1].bye
    assert (bye.reason, bye.message) == (2, "another cell began a session")
    assert not (runs / "mine" / "lock").exists()


def test_a_session_that_fails_to_open_is_not_there() -> None:
    class WorkerFault(Recorder):
        def begin(self, script: object) -> None:
            raise RuntimeError("nobody there")

    with pytest.raises(RuntimeError, match="nobody there"), api.session(source=WorkerFault()):
        pass
    with api.session(source=Recorder()):
        pass


CELLS = [
    f"import os, signal, sys; sys.path.insert(0, {str(SOURCE)!r})\n"
    "import torch; import absgd_worker as absgd; from torch import nn\n"
    "torch.set_num_threads(1); torch.manual_seed(0)\n"
    "points, labels = torch.randn(64, 4), torch.arange(64) % 3\n"
    "criterion = nn.CrossEntropyLoss(); stop_at = 3",
    "criterion = absgd.wrap(criterion); model = nn.Linear(4, 3)\n"
    "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)",
    "with absgd.session(run='mine', lam=-1.0) as session:\n"
    "    for batch in torch.arange(64).split(8):\n"
    "        optimizer.zero_grad(); criterion(model(points[batch]), labels[batch]).backward()\n"
    "        optimizer.step()\n"
    "        if session.step == stop_at: os.kill(os.getpid(), signal.SIGINT)",
    "stop_at = 0; state = session.state_dict(); print(state['run']['name'], state['step'])",
    "with absgd.session(run='mine', lam=-1.0) as session:\n"
    "    session.load_state_dict(state)\n"
    "    for batch in torch.arange(64).split(8)[3:]:\n"
    "        optimizer.zero_grad(); criterion(model(points[batch]), labels[batch]).backward()\n"
    "        optimizer.step()\n"
    "print(session.step, session.captured)",
]


@pytest.mark.skipif(find_spec("nbclient") is None, reason="nbclient is not here")
def test_cells_of_a_notebook_are_run_twice_interrupted_and_gone_on_with(runs: Path, tmp_path: Path) -> None:
    import nbformat  # noqa: PLC0415
    from jupyter_client.manager import AsyncKernelManager  # noqa: PLC0415
    from nbclient import NotebookClient  # noqa: PLC0415

    setup, model, train, save, resume = CELLS
    cells = [setup, model, train, save, resume, model, train]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    manager = AsyncKernelManager(transport="ipc", connection_file=str(tmp_path / "kernel"))
    NotebookClient(notebook, km=manager, timeout=60, allow_errors=True).execute()

    outputs = [
        [output.get("text") or output.get("ename") for output in cell.outputs] for cell in notebook.cells
    ]
    said = outputs.pop()
    assert outputs == [[], [], ["KeyboardInterrupt"], ["mine 3\n"], ["8 5\n"], []]
    assert "recorded as mine.2" in said[0]
    assert sorted(path.name for path in runs.iterdir()) == ["mine", "mine.2"]
    ends = [record.bye for record in records(runs / "mine" / "steps.log") if record.HasField("bye")]
    assert [(bye.message, bye.position.attempt, bye.position.step) for bye in ends] == [
        ("interrupted", 1, 3),
        ("", 2, 8),
    ]
    assert bodies(runs / "mine.2")[-1] == "bye"
    assert sum(record.step_batch.count for record in records(runs / "mine.2" / "steps.log")) == 8
