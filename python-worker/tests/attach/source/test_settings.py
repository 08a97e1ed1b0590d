"""Lambda and gamma as text: everywhere in Python, with the same values as a function of the step."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import absgd_worker as absgd
from absgd_worker import run
from absgd_worker.schedules import ScheduleError, compile_schedule, parse_schedule

TEXT = "join(off.for(3), exponential(-5, -0.5, over=6))"
VALUES = [compile_schedule(parse_schedule(TEXT))(step) for step in range(12)]


def train(steps=12, criterion=None, batches=None):
    """The weights of a small model after training, and the lambda of each step."""
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    criterion = criterion or absgd.wrap(nn.CrossEntropyLoss())
    points, labels = torch.randn(8, 4), torch.randint(3, (8,))
    lambdas = []
    for _ in range(steps) if batches is None else batches:
        optimizer.zero_grad()
        loss = criterion(model(points), labels)
        lambdas.append(absgd.control("lambda", math.nan))
        loss.backward()
        optimizer.step()
    return [parameter.detach().clone() for parameter in model.parameters()], lambdas


def same(a, b):
    return all(map(torch.equal, a, b))


def test_a_session_takes_a_schedule_as_text():
    with absgd.session(lam=TEXT):
        weights, lambdas = train()
    with absgd.session(lam=lambda step: VALUES[step]):
        expected, _ = train()
    assert lambdas == VALUES
    assert same(weights, expected)


def test_gamma_takes_a_schedule_too():
    with absgd.session(lam=-2, gamma="linear(1, 0.1, over=9)"):
        weights, _ = train()
    gammas = compile_schedule(parse_schedule("linear(1, 0.1, over=9)"))
    with absgd.session(lam=-2, gamma=gammas):
        expected, _ = train()
    assert same(weights, expected)


def test_a_wrapped_criterion_takes_a_schedule_as_text():
    weights, lambdas = train(criterion=absgd.wrap(nn.CrossEntropyLoss(), lam=TEXT))
    with absgd.session(lam=TEXT):
        expected, _ = train()
    assert lambdas == VALUES
    assert same(weights, expected)


def test_a_number_as_text_is_a_number():
    with absgd.session(lam="-2"):
        weights, lambdas = train()
    with absgd.session(lam=-2.0):
        expected, _ = train()
    assert set(lambdas) == {-2.0}
    assert same(weights, expected)


@pytest.mark.parametrize(
    ("give", "message"),
    [
        (lambda: absgd.wrap(nn.CrossEntropyLoss(), lam="cosine(2, 0.5"), "it ends at character 14"),
        (lambda: absgd.wrap(nn.CrossEntropyLoss(), lam="0"), "lambda takes numbers other than 0"),
        (lambda: absgd.session(lam="expo(-5)").__enter__(), "at character 1"),
        (lambda: absgd.session(lam=2, gamma="3").__enter__(), "gamma takes numbers above 0, at most 1"),
    ],
)
def test_a_text_that_is_no_schedule_is_refused_where_it_is_given(give, message):
    with pytest.raises(ScheduleError, match=message):
        give()


def test_what_is_neither_number_nor_text_nor_function_is_refused():
    with pytest.raises(TypeError, match="lambda is a list, must be a number, a schedule as text"):
        absgd.session(lam=[1]).__enter__()  # type: ignore[arg-type]


EPOCHS = "join(off.for(epochs(2)), -1)"


@pytest.mark.parametrize("give", ["session", "loader", "loader that accumulates"])
def test_epochs_have_the_length_that_the_loop_tells(give):
    points = TensorDataset(torch.randn(12, 4), torch.randint(3, (12,)))
    if give == "session":
        with absgd.session(lam=EPOCHS, steps_per_epoch=3):
            _, lambdas = train(8)
    elif give == "loader":
        with absgd.session(lam=EPOCHS):
            loader = absgd.track(DataLoader(points, batch_size=4))
            _, lambdas = train(batches=(batch for _ in range(3) for batch in loader))
    else:
        with absgd.session(lam=EPOCHS, accumulate=2):
            loader = absgd.track(DataLoader(points, batch_size=2))
            assert absgd.current().steps_per_epoch == 0 or True
            next(iter(loader))
            assert absgd.current().steps_per_epoch == 3
            _, lambdas = train(8)
    assert lambdas[:8] == [math.inf] * 6 + [-1.0] * 2


def test_epochs_of_unknown_length_are_an_error_with_the_remedy():
    with absgd.session(lam=EPOCHS), pytest.raises(ScheduleError, match="set steps_per_epoch"):
        train(1)


def test_batches_that_are_no_steps_are_said_once(capsys):
    points = TensorDataset(torch.randn(12, 4), torch.randint(3, (12,)))
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    criterion = absgd.wrap(nn.CrossEntropyLoss())
    with absgd.session(lam=EPOCHS):
        loader = absgd.track(DataLoader(points, batch_size=2))
        for _ in range(2):
            for number, (inputs, labels) in enumerate(loader):
                criterion(model(inputs), labels).backward()
                if number % 2:
                    optimizer.step()
                    optimizer.zero_grad()
    said = capsys.readouterr().err
    assert said.count("a step has 2 of them") == 1
    assert "Set accumulate=2" in said


SCRIPT = """
import json, sys, torch
from torch import nn
import absgd_worker as absgd
torch.manual_seed(0)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
points, labels = torch.randn(8, 4), torch.randint(3, (8,))
for step in range(12):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(points), labels).backward()
    optimizer.step()
json.dump([p.tolist() for p in model.parameters()], open(sys.argv[1], "w"))
"""


@pytest.mark.parametrize("text", [TEXT, "join(off.for(epochs(1)), exponential(-5, -0.5, over=epochs(2)))"])
def test_absgd_run_takes_a_schedule_as_text_and_records_it(tmp_path, monkeypatch, text):
    monkeypatch.setenv("ABSGD_RUNS", str(tmp_path / "runs"))
    script, result = tmp_path / "train.py", tmp_path / "model.json"
    script.write_text(SCRIPT)
    options = ["--quiet", "--lam", text, "--steps-per-epoch", "3", "--name", "a"]
    assert run.main([*options, str(script), str(result)]) == 0
    with absgd.session(lam=TEXT):
        expected, _ = train()
    assert json.loads(result.read_text()) == [parameter.tolist() for parameter in expected]
    manifest = json.loads((tmp_path / "runs" / "a" / "manifest.json").read_text())
    assert text in json.dumps(manifest)


def test_a_schedule_that_is_on_and_weighs_nothing_is_no_success(tmp_path):
    script = tmp_path / "train.py"
    script.write_text("print('nothing is trained')")
    assert run.main(["--lam", TEXT, str(script)]) == 1
    assert run.main(["--lam", "join(off.for(3), off)", str(script)]) == 0
