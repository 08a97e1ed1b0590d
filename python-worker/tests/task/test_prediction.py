"""The training data is predicted without a trace in training, and a failure costs nothing else."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest
import torch
from torch import nn

from absgd_worker import Task, TaskError
from absgd_worker.gen import session_pb2
from absgd_worker.task import prediction
from absgd_worker.task.prediction import predict
from absgd_worker.task.random_state import random_state, seed_all

SIZE = 7


def task(function, *, labels=None, batch_size=3):
    model = nn.Sequential(nn.Linear(1, 2), nn.Dropout(), nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 3)))
    model.get_submodule("2.0").eval()
    return Task(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data=torch.arange(float(SIZE))[:, None],
        batch_size=batch_size,
        loss=lambda model, batch: model(batch).sum(1),
        predict=function,
        labels=labels,
    )


def pieces(made, **options):
    got = []
    settings: dict[str, Any] = {"attempt": 1, "step": 3, "seed": 1, **options}
    whole = predict(made, got.append, **settings)
    return got, whole


def unpacked(got, field, code):
    data = b"".join(getattr(piece, field) for piece in got)
    return list(struct.unpack(f"<{len(data) // 4}{code}", data))


def test_classes_are_those_of_every_sample_in_the_order_of_the_data_piece_by_piece(monkeypatch):
    monkeypatch.setattr(prediction, "PIECE_SAMPLES", 5)
    seen = []

    def classes(model, batch):
        seen.append(len(batch))
        return batch[:, 0].long() * 10

    got, whole = pieces(task(classes))
    assert whole
    assert [(piece.attempt, piece.step, piece.first_index, piece.count) for piece in got] == [
        (1, 3, 0, 5),
        (1, 3, 5, 2),
    ]
    assert unpacked(got, "labels", "I") == [0, 10, 20, 30, 40, 50, 60]
    assert [piece.label_probabilities for piece in got] == [b"", b""]
    assert seen == [3, 2, 2]


def test_of_logits_the_largest_is_predicted_and_the_label_gets_its_probability():
    logits = torch.tensor([[0.0, 1.0, 3.0], [2.0, 0.0, 0.0], [float("nan"), 0.0, 0.0]]).log_softmax(1)
    rows = torch.arange(SIZE) % 3
    labels = torch.tensor([2, 1, 0, 0, 0, 1, 2])
    got, _ = pieces(task(lambda model, batch: logits[rows[batch[:, 0].long()]], labels=labels))
    assert unpacked(got, "labels", "I")[:2] == [2, 0]
    expected = logits[rows].exp().gather(1, labels[:, None])[:, 0]
    torch.testing.assert_close(
        torch.tensor(unpacked(got, "label_probabilities", "f")), expected, equal_nan=True
    )


def test_nothing_that_training_depends_on_has_moved_even_when_predict_raises():
    seen = []

    def fail(model, batch):
        torch.rand(1)
        random.random()
        seen.append((any(module.training for module in model.modules()), torch.is_grad_enabled()))
        model(batch)
        raise KeyError("x")

    made = task(fail)
    modes = [module.training for module in made.model.modules()]
    weights = {name: value.clone() for name, value in made.model.state_dict().items()}
    seed_all(5)
    before = random_state()
    with pytest.raises(KeyError):
        pieces(made)
    after = random_state()
    assert seen == [(False, False)]
    assert after["python"] == before["python"]
    assert torch.equal(after["torch"], before["torch"])
    assert [module.training for module in made.model.modules()] == modes
    assert len(set(modes)) == 2
    for name, value in made.model.state_dict().items():
        assert torch.equal(value, weights[name]), name


def test_it_ends_at_a_batch_when_it_is_told_to():
    answers = iter([True, True, False])
    got, whole = pieces(task(lambda model, batch: batch[:, 0].long()), may_continue=lambda: next(answers))
    assert (got, whole) == ([], False)


REFUSED = [
    (lambda batch: [0] * len(batch), "predict must return a tensor, not list"),
    (lambda batch: batch[:2, 0].long(), r"classes \[3\] or logits \[3, C\] for this batch, not shape \[2\]"),
    (lambda batch: torch.zeros(3, 2, 2), r"not shape \[3, 2, 2\]"),
    (lambda batch: torch.tensor(1), r"not shape \[\]"),
    (lambda batch: batch[:, 0], r"classes as whole numbers, not torch\.float32: use \.long\(\)"),
    (lambda batch: torch.zeros(3, dtype=torch.bool), r"not torch\.bool"),
    (lambda batch: torch.full((3,), -1), "classes from 0 to 2\\^32 - 1, not -1 to -1"),
    (lambda batch: torch.zeros(3, 3, dtype=torch.int64), r"logits as floating numbers, not torch\.int64"),
    (lambda batch: torch.zeros(3, 1), "logits of one class"),
    (lambda batch: torch.zeros(3, 2), "logits of 2 classes, but there is a label 2"),
]


@pytest.mark.parametrize(("function", "message"), REFUSED)
def test_what_is_neither_classes_nor_logits_is_refused_with_what_is_wrong(function, message):
    with pytest.raises(TaskError, match=message):
        pieces(task(lambda model, batch: function(batch), labels=torch.full((SIZE,), 2)))


def test_a_predict_that_cannot_be_called_is_refused_when_the_task_is_made():
    with pytest.raises(TaskError, match=r"predict must be a function, not builtins\.str"):
        task("argmax")


def trained(served, name, **params):
    controller, worker = served(name=name, params={"seed": 3, **params})
    controller.await_welcomed()
    controller.plan(0, 20, run_steps=20, lambda_=-2.0, gamma=0.9, lr=0.1)
    bye = controller.release()
    assert worker.wait() == 0
    path = worker.run_dir / "checkpoints" / "step-000000020.1.pt"
    return controller, bye, torch.load(path, weights_only=True)


def test_a_run_predicts_its_data_once_at_the_end_and_trains_as_if_it_did_not(served):
    controller, bye, state = trained(served, "with", predict=True)
    assert bye.message == ""
    (piece,) = controller.bodies("sample_predictions")
    assert (piece.attempt, piece.step, piece.first_index, piece.count) == (1, 19, 0, 90)
    assert len(piece.labels) == len(piece.label_probabilities) == 4 * 90
    _, _, plain = trained(served, "without")
    assert state["model"].keys() == plain["model"].keys()
    for name, value in plain["model"].items():
        assert torch.equal(state["model"][name], value), name
    assert torch.equal(state["random"]["torch"], plain["random"]["torch"])


def test_a_predict_that_raises_costs_the_predictions_and_the_last_word_says_so(served):
    controller, bye, _ = trained(served, "run", predict=True, fail="predict")
    assert bye.reason == session_pb2.BYE_REASON_COMPLETED
    assert (
        bye.message
        == "the training data could not be predicted: the task failed: KeyError: 'a bug in predict'"
    )
    assert controller.bodies("sample_predictions") == []


def test_an_operator_who_asks_for_an_evaluation_gets_predictions_once_a_position(served):
    controller, _worker = served(params={"seconds": 0.004, "predict": True})
    controller.await_welcomed()
    controller.plan(0, 100_000, run_steps=100_000, lr=0.1)
    controller.until(controller.steps, "the first report")
    assert controller.ask("p", pause={}).ok
    answer = controller.ask("e", evaluate={})
    assert answer.ok
    assert "90 training samples predicted" in answer.message
    assert controller.ask("again", evaluate={}).message == "evaluated already"
    controller.until(lambda: controller.bodies("sample_predictions"), "predictions")
    assert [piece.step for piece in controller.bodies("sample_predictions")] == [answer.step - 1]
