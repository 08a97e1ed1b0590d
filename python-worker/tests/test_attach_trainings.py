"""Trainings one after another in one process are trainings of their own; what belongs together stays so."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from test_attach_journal import records
from test_attach_session import labels, points
from torch import Tensor, nn

from absgd_worker import run
from absgd_worker.attach import api
from absgd_worker.attach.sessions import leave_implicit

Step = Callable[[], Any]


class Laboratory:
    """Where scripts train: it keeps the steps at which lambda was asked for."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.asked: list[int] = []
        self.criterion = api.wrap(nn.CrossEntropyLoss(), lam=self.lam, gamma=0.5)

    def lam(self, step: int) -> float:
        self.asked.append(step)
        return -1.0 - step

    @property
    def few(self) -> int:
        return self.draw.randint(1, 4)

    def net(self) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 4))

    def optimizer(self, parameters: Any) -> torch.optim.Optimizer:
        kind = self.draw.choice([torch.optim.SGD, torch.optim.AdamW, torch.optim.LBFGS])
        return kind(list(parameters), lr=0.01)

    def train(
        self, model: Callable[[Tensor], Tensor], optimizer: torch.optim.Optimizer, steps: int | None = None
    ) -> int:
        """Trains, and returns how many steps."""
        steps = self.few if steps is None else steps
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = self.criterion(model(points), labels)
            loss.backward()
            return loss

        for _ in range(steps):
            if isinstance(optimizer, torch.optim.LBFGS):
                optimizer.step(closure)
            else:
                closure()
                optimizer.step()
            schedule.step()
            if isinstance(model, nn.Module) and self.draw.random() < 0.3:
                model.eval()
                self.criterion(model(points), labels).item()
                model.train()
        return steps


def folds_in_a_loop(lab: Laboratory) -> list[int]:
    found = []
    for _ in range(3):
        model = lab.net()
        optimizer = lab.optimizer(model.parameters())
        found.append(lab.train(model, optimizer))
    return found


def folds_in_functions(lab: Laboratory) -> list[int]:
    def fold() -> int:
        model = lab.net()
        return lab.train(model, lab.optimizer(model.parameters()))

    return [fold() for _ in range(3)]


def folds_that_are_kept(lab: Laboratory) -> list[int]:
    kept, found = [], []
    for _ in range(3):
        model = lab.net()
        kept.append((model, lab.optimizer(model.parameters())))
        found.append(lab.train(*kept[-1]))
    return found


def a_backbone_that_is_frozen_and_shared(lab: Laboratory) -> list[int]:
    backbone, found = lab.net(), []
    backbone.requires_grad_(requires_grad=lab.draw.random() < 0.5)
    for _ in range(3):
        head = nn.Linear(4, 4)
        model = nn.Sequential(backbone, head)
        found.append(lab.train(model, lab.optimizer(head.parameters())))
    return found


def heads_over_features_of_one_model(lab: Laboratory) -> list[int]:
    backbone, found = lab.net(), []
    for _ in range(2):
        head = nn.Linear(4, 4)
        optimizer = lab.optimizer(head.parameters())
        found.append(lab.train(lambda x, head=head: head(backbone(x)), optimizer))
    return found


def tensors_without_a_module(lab: Laboratory) -> list[int]:
    found = []
    for _ in range(3):
        weight = torch.zeros(4, 4, requires_grad=True)
        optimizer = torch.optim.SGD([weight], lr=0.1)
        found.append(lab.train(lambda x, weight=weight: x @ weight, optimizer))
        # The first goes before the next one comes.
        del optimizer
    return found


def generations_that_begin_with_the_weights_of_the_last(lab: Laboratory) -> list[int]:
    model, found = lab.net(), []
    for _ in range(3):
        model = copy.deepcopy(model)
        found.append(lab.train(model, lab.optimizer(model.parameters())))
    return found


def a_student_after_its_teacher(lab: Laboratory) -> list[int]:
    teacher, student = lab.net(), lab.net()
    first = lab.train(teacher, lab.optimizer(teacher.parameters()))
    teacher.eval()

    def distilled(x: Tensor) -> Tensor:
        with torch.no_grad():
            teacher(x)
        return student(x)

    return [first, lab.train(distilled, lab.optimizer(student.parameters()))]


def an_estimator_that_is_fitted_again(lab: Laboratory) -> list[int]:
    class Estimator:
        def fit(self) -> int:
            self.module = lab.net()
            self.optimizer = lab.optimizer(self.module.parameters())
            return lab.train(self.module, self.optimizer)

    one = Estimator()
    return [one.fit() for _ in range(3)]


def generators_with_their_discriminators(lab: Laboratory) -> list[int]:
    return [turns(lab) for _ in range(2)]


def turns(lab: Laboratory) -> int:
    one, two = lab.net(), lab.net()
    optimizers = [torch.optim.SGD(model.parameters(), lr=0.01) for model in (one, two)]
    rounds, often = lab.few, lab.few
    for _ in range(rounds):
        lab.train(one, optimizers[0], often)
        lab.train(lambda x: two(one(x)), optimizers[1], 1)
    return rounds * (often + 1)


def phases_with_new_optimizers(lab: Laboratory) -> list[int]:
    model = lab.net()
    return [sum(lab.train(model, lab.optimizer(model.parameters())) for _ in range(3))]


def a_head_and_then_everything(lab: Laboratory) -> list[int]:
    model: Any = lab.net()
    head = lab.train(model, lab.optimizer(model[-1].parameters()))
    return [head + lab.train(model, lab.optimizer(model.parameters()))]


def a_group_that_is_added(lab: Laboratory) -> list[int]:
    model: Any = lab.net()
    optimizer = torch.optim.SGD(model[-1].parameters(), lr=0.1)
    first = lab.train(model, optimizer)
    optimizer.add_param_group({"params": model[0].parameters()})
    return [first + lab.train(model, optimizer)]


def a_network_that_grows(lab: Laboratory) -> list[int]:
    old = lab.net()
    first_optimizer = torch.optim.SGD(old.parameters(), lr=0.01)
    steps = lab.train(old, first_optimizer)
    new = nn.Linear(4, 4)
    optimizer = torch.optim.SGD(new.parameters(), lr=0.01)
    for _ in range(lab.few):
        steps += lab.train(nn.Sequential(old, new), optimizer, 1)
        first_optimizer.step()
    return [steps]


def a_generator_and_its_discriminator(lab: Laboratory) -> list[int]:
    return [turns(lab)]


def two_models_that_take_turns(lab: Laboratory) -> list[int]:
    models = [lab.net() for _ in range(2)]
    optimizers = [lab.optimizer(model.parameters()) for model in models]
    steps = 0
    for _ in range(3):
        steps += sum(lab.train(*pair) for pair in zip(models, optimizers, strict=True))
    return [steps]


def an_average_of_weights_with_its_own_phase(lab: Laboratory) -> list[int]:
    model = lab.net()
    steps = lab.train(model, lab.optimizer(model.parameters()))
    average = torch.optim.swa_utils.AveragedModel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.05)
    steps += lab.train(model, optimizer)
    average.update_parameters(model)
    torch.optim.swa_utils.update_bn([points], average)
    return [steps + lab.train(model, optimizer)]


def a_finder_of_learning_rates_and_its_reset(lab: Laboratory) -> list[int]:
    model = lab.net()
    start = copy.deepcopy(model.state_dict())
    steps = lab.train(model, lab.optimizer(model.parameters()))
    model.load_state_dict(start)
    return [steps + lab.train(model, lab.optimizer(model.parameters()))]


def an_optimizer_made_anew_every_epoch(lab: Laboratory) -> list[int]:
    model = lab.net()
    steps = 0
    for _ in range(4):
        optimizer = lab.optimizer(model.parameters())
        steps += lab.train(model, optimizer)
    return [steps]


ARRANGEMENTS = [
    folds_in_a_loop,
    folds_in_functions,
    folds_that_are_kept,
    a_backbone_that_is_frozen_and_shared,
    heads_over_features_of_one_model,
    tensors_without_a_module,
    generations_that_begin_with_the_weights_of_the_last,
    a_student_after_its_teacher,
    an_estimator_that_is_fitted_again,
    generators_with_their_discriminators,
    phases_with_new_optimizers,
    a_head_and_then_everything,
    a_group_that_is_added,
    a_network_that_grows,
    a_generator_and_its_discriminator,
    two_models_that_take_turns,
    an_average_of_weights_with_its_own_phase,
    a_finder_of_learning_rates_and_its_reset,
    an_optimizer_made_anew_every_epoch,
]


@pytest.fixture(autouse=True)
def outside_of_any_session() -> Iterator[None]:
    leave_implicit()
    yield
    leave_implicit()


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
@pytest.mark.parametrize("seed", range(4))
def test_every_training_has_lambda_from_step_0_on(arrangement: Any, seed: int) -> None:
    lab = Laboratory(seed)
    trainings = arrangement(lab)
    assert lab.asked == [step for steps in trainings for step in range(steps)]
    assert api.current().trainings.count == len(trainings)


def test_a_training_after_another_is_what_it_is_alone() -> None:
    def fold(seed: int, lab: Laboratory) -> Tensor:
        torch.manual_seed(seed)
        model = lab.net()
        lab.train(model, torch.optim.SGD(model.parameters(), lr=0.5), 5)
        return torch.cat([one.detach().flatten() for one in model.parameters()])

    lab = Laboratory(0)
    fold(1, lab)
    second = fold(2, lab)
    leave_implicit()
    assert torch.equal(second, fold(2, Laboratory(0)))


def test_models_that_turn_out_to_take_turns_are_said_to_be_counted_apart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lab = Laboratory(0)
    old, new = lab.net(), lab.net()
    optimizer = torch.optim.SGD(old.parameters(), lr=0.1)
    lab.train(old, optimizer, 2)
    lab.train(new, torch.optim.SGD(new.parameters(), lr=0.1), 2)
    assert "turns" not in capsys.readouterr().err
    lab.train(old, optimizer, 1)
    assert "models that take turns were counted as trainings of their own" in capsys.readouterr().err


def test_optimizers_that_were_all_made_before_are_said_to_be_counted_as_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lab = Laboratory(0)
    models = [lab.net() for _ in range(2)]
    optimizers = [torch.optim.SGD(model.parameters(), lr=0.1) for model in models]
    lab.train(models[0], optimizers[0], 3)
    lab.train(models[1], optimizers[1], 25)
    assert lab.asked == list(range(28))
    said = capsys.readouterr().err
    assert said.count("both are counted as one training") == 1
    assert "enter a session for each" in said


def test_a_session_that_the_script_has_entered_is_one_training_and_that_is_said_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lab = Laboratory(0)
    with api.session(lam=lab.lam) as session:
        trained = [1, *folds_in_functions(lab)]
    assert session.step == sum(trained) - 1
    assert lab.asked == list(range(session.step))
    said = capsys.readouterr().err
    assert said.count("another model is trained in this session") == 1


SCRIPT = """
import sys
import torch
import torch.nn.functional as F
from torch import nn

for fold in sys.argv[1]:
    torch.manual_seed(int(fold))
    x, y = torch.randn(32, 4), torch.arange(32) % 3
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(6):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("fold", fold, model.weight.tolist())
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("sys.argv", [])
    monkeypatch.syspath_prepend("")
    monkeypatch.setenv("ABSGD_RUNS", str(tmp_path / "runs"))
    (tmp_path / "folds").mkdir()
    file = tmp_path / "folds" / "main.py"
    file.write_text(SCRIPT)
    return str(file)


def plan_of(steps: int, folder: Path) -> str:
    file = folder / "plan.json"
    file.write_text(
        f'{{"format": 1, "runSteps": {steps}, "controls": {{"lambda": [[0, "Infinity"], [3, -1]]}}}}'
    )
    return str(file)


def test_every_fold_of_a_script_has_its_plan_and_its_run(
    script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of(6, tmp_path)
    assert run.main(["--plan", plan, script, "2"]) == 0
    alone = capsys.readouterr().out
    assert run.main(["--plan", plan, "--name", "First", script, "123"]) == 0
    out, said = capsys.readouterr()
    assert alone.strip() in out
    assert "absgd: 18 losses captured in 18 steps" in said
    assert "training 2 of this script begins" in said
    runs = tmp_path / "runs"
    assert sorted(one.name for one in runs.iterdir()) == ["First", "First.2", "First.3"]
    for one in runs.iterdir():
        found = records(one / "steps.log")
        assert sum(record.step_batch.count for record in found) == 6
        assert (found[-1].bye.reason, found[-1].bye.position.step) == (1, 6)
        assert json.loads((one / "manifest.json").read_text())["experiment"] == "folds-main"
    assert "recorded as First.2" in said
    assert run.main(["--name", "First", "--exact-name", script, "1"]) == 2
    assert "a run named First exists" in capsys.readouterr().err
    assert run.main(["--name", "other", "--exact-name", script, "12"]) == 0
    assert {"other", "other.2"} < {one.name for one in runs.iterdir()}


def test_a_plan_that_ends_in_a_later_training_is_no_success(
    script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:

    other = Path(script).with_name("longer.py")
    other.write_text(SCRIPT.replace("range(6)", "range(4 + int(fold))"))
    assert run.main(["--plan", plan_of(6, tmp_path), str(other), "1234"]) == 1
    said = capsys.readouterr().err
    assert "all 6 steps of the plan are trained" in said
    assert "stopped in training 3 of this script" in said
