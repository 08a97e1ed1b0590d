"""An evaluation leaves no trace in training."""

from __future__ import annotations

import random

import pytest
import torch
from torch import nn

from absgd_worker import Evaluated, Task, TaskError
from absgd_worker.task.evaluation import evaluate
from absgd_worker.task.random_state import random_state, seed_all


def task(function):
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2)))
    return Task(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data=torch.zeros(4, 2),
        batch_size=2,
        loss=lambda model, batch: model(batch).sum(1),
        evaluate=function,
    )


def run(function, step=3, seed=1):
    return evaluate(task(function), attempt=1, step=step, seed=seed)


def test_random_numbers_of_training_go_on_as_if_nothing_had_been_evaluated():
    made = task(lambda model: {"test": {"x": float(torch.rand(1)) + random.random()}})
    seed_all(5)
    before = random_state()
    evaluate(made, attempt=1, step=3, seed=1)
    after = random_state()
    assert after["python"] == before["python"]
    assert torch.equal(after["torch"], before["torch"])


def test_its_own_random_numbers_depend_on_the_seed_and_the_step_alone():
    numbers = {}
    for step, seed, disturbance in [(3, 1, 0), (3, 1, 9), (4, 1, 0), (3, 2, 0)]:
        torch.manual_seed(disturbance)
        random.seed(disturbance)
        (result,) = run(lambda model: {"test": {"x": float(torch.rand(1)) + random.random()}}, step, seed)
        numbers[step, seed, disturbance] = result.metrics["x"]
    assert numbers[3, 1, 0] == numbers[3, 1, 9]
    assert len(set(numbers.values())) == 3


def test_it_runs_in_eval_mode_without_gradients_and_every_module_gets_its_mode_back():
    seen = []

    def look(model):
        seen.append(
            (model.training, any(module.training for module in model.modules()), torch.is_grad_enabled())
        )
        return {"test": {"x": 1}}

    made = task(look)
    made.model.get_submodule("2.0").eval()
    modes = [module.training for module in made.model.modules()]
    evaluate(made, attempt=1, step=0, seed=0)
    assert seen == [(False, False, False)]
    assert [module.training for module in made.model.modules()] == modes
    assert True in modes
    assert False in modes


def test_modes_and_random_numbers_come_back_after_an_evaluation_that_raises():
    def fail(model):
        torch.rand(1)
        raise KeyError("x")

    made = task(fail)
    state = torch.get_rng_state()
    with pytest.raises(KeyError):
        evaluate(made, attempt=1, step=0, seed=0)
    assert made.model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_metrics_may_be_tensors_and_the_confusion_matrix_nested_lists():
    result = Evaluated(metrics={"accuracy": torch.tensor(0.5)}, confusion=[[3, 1], [0, 2]])
    (evaluation,) = run(lambda model: {"test": result})
    assert evaluation.metrics == {"accuracy": 0.5}
    assert evaluation.num_classes == 2
    assert memoryview(evaluation.confusion).cast("I").tolist() == [3, 1, 0, 2]


REFUSED = [
    (None, "evaluate must return a mapping of splits"),
    ({}, "evaluate must return a mapping of splits"),
    ({"test": 0.5}, "must give absgd_worker.Evaluated or a mapping of metrics for the split 'test', not 0.5"),
    ({"test": {"x": "high"}}, "the metric 'x' of 'test' must be a number, not 'high'"),
    (
        {"test": {"x": torch.zeros(2)}},
        r"the metric 'x' of 'test' must be one number, not a tensor of shape \[2\]",
    ),
    ({"test": {7: 1.0}}, "a metric of 'test' must have a name, a string, not 7"),
    ({1: {"x": 1.0}}, "a split must have a name, a string, not 1"),
    (
        {"test": Evaluated(confusion=[[1, 2]])},
        r"confusion of the split 'test' must be \[C, C\].* not shape \[1, 2\]",
    ),
    ({"test": Evaluated(confusion=torch.tensor([[0.5]]))}, "must hold counts, whole numbers from 0"),
    ({"test": Evaluated(confusion=[[-1]])}, "must hold counts, whole numbers from 0"),
]


@pytest.mark.parametrize(("returned", "message"), REFUSED)
def test_what_is_not_promised_is_named(returned, message):
    with pytest.raises(TaskError, match=message):
        run(lambda model: returned)
