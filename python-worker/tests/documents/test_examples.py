"""What the tasks of `examples/` promise; whole runs of them are in test/examples."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from absgd_worker import Context, Task
from project import EXAMPLES


def module_of(example: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(example, EXAMPLES / example / "task.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(example: str, **params: Any) -> Task:
    torch.manual_seed(0)
    params = {"seed": 0, "loss": "cross-entropy", "batchSize": 32, **params}
    context = Context(
        run="test", run_dir=Path("/nonexistent"), params=params, seed=0, device=torch.device("cpu")
    )
    return module_of(example).build(params, context)


def losses_of(task: Task) -> Tensor:
    return task.loss(task.model, task.data).detach()


@pytest.mark.parametrize(("kind", "shifts"), [("asymmetric", {1}), ("symmetric", set(range(1, 10)))])
def test_noisy_digits_makes_the_chosen_share_of_training_and_validation_labels_wrong(
    kind: str, shifts: set[int]
) -> None:
    train, validation, test = module_of("noisy-digits").noisy_digits(7, 0.3, kind)
    assert [len(split.labels) for split in (train, validation, test)] == [997, 200, 600]
    assert bool((test.labels == test.true_labels).all())
    for split in (train, validation):
        moved = (split.labels - split.true_labels) % 10
        assert set(moved[moved != 0].tolist()) == shifts
        assert (moved != 0).double().mean().item() == pytest.approx(0.3, abs=0.08)


def test_hidden_subgroup_thins_two_digits_and_leaves_the_classes_even() -> None:
    train, test = module_of("hidden-subgroup").rare_digits(3, 0.1)
    counts = torch.bincount(train.digits, minlength=10)
    assert counts[8:].max() <= 0.15 * counts[:8].min()
    assert torch.bincount(test.digits, minlength=10).min() > 40
    assert train.parity.double().mean().item() == pytest.approx(0.5, abs=0.03)


def test_hidden_subgroup_measures_the_digit_that_is_answered_worst() -> None:
    module, task = module_of("hidden-subgroup"), build("hidden-subgroup", rare=0.1)
    _, test = module.rare_digits(0, 0.1)
    right = task.model(test.pixels).argmax(1) == test.digits % 2
    worst = min(right[test.digits == digit].double().mean().item() for digit in range(10))
    assert task.evaluate is not None
    assert task.evaluate(task.model)["test"]["worst_digit"] == pytest.approx(worst)  # type: ignore[index]


def test_the_focal_loss_of_hidden_subgroup_fades_with_the_square_of_what_is_missing() -> None:
    plain, focal = (losses_of(build("hidden-subgroup", rare=0.1, loss=loss)) for loss in ("", "focal"))
    torch.testing.assert_close(focal, (1 - (-plain).exp()) ** 2 * plain)


def test_long_tail_keeps_a_geometric_tail_and_tests_every_class_alike() -> None:
    (_, labels), (_, test_labels) = module_of("long-tail").long_tail(1, 0.02)
    counts = torch.bincount(labels, minlength=10).double()
    torch.testing.assert_close(counts[9] / counts[0], torch.tensor(0.02).double(), atol=0.005, rtol=0)
    assert bool((counts.diff() < 0).all())
    assert torch.bincount(test_labels).tolist() == [60] * 10


def test_the_class_weights_of_long_tail_give_every_class_the_same_part_in_the_loss() -> None:
    plain, weighed = (
        losses_of(build("long-tail", imbalance=0.02, loss=loss)) for loss in ("", "class-weighted")
    )
    labels = build("long-tail", imbalance=0.02).labels
    assert isinstance(labels, Tensor)
    factors = weighed / plain
    parts = torch.zeros(10).index_add(0, labels, factors)
    torch.testing.assert_close(parts, torch.full((10,), len(labels) / 10))


def test_balanced_softmax_of_long_tail_counts_on_the_frequent_classes_beforehand() -> None:
    plain, balanced = (
        losses_of(build("long-tail", imbalance=0.02, loss=loss)) for loss in ("", "balanced-softmax")
    )
    labels = build("long-tail", imbalance=0.02).labels
    assert isinstance(labels, Tensor)
    assert bool((balanced[labels == 0] < plain[labels == 0]).all())
    assert bool((balanced[labels == 9] > plain[labels == 9]).all())
