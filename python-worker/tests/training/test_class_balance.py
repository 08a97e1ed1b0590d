"""The class factor: against the vectors of proto/golden, in the trainer, and over the wire."""

from __future__ import annotations

import json
import math
import runpy

import pytest
import torch

from absgd_worker.errors import ControlError
from absgd_worker.gen import session_pb2
from absgd_worker.training.class_balance import ClassBalance, class_factors, weigh_balanced
from absgd_worker.weights import Normaliser, read_statistics, weighted_loss
from golden_numbers import close, numbers
from project import GOLDEN

FILE = json.loads((GOLDEN / "class_balance.json").read_text())
SEQUENCES = FILE["sequences"]
DEVICES = ["host", "device", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("table", FILE["factors"], ids=lambda table: f"{table['counts']} at {table['beta']}")
def test_the_factors_are_those_of_the_vectors(table):
    # A class without samples is nobody's: those that have some are what a worker sees.
    present = torch.tensor([count for count in table["counts"] if count])
    expected = torch.tensor([factor for factor in table["factors"] if factor], dtype=torch.float64)
    torch.testing.assert_close(class_factors(present, table["beta"]), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("where", DEVICES)
@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: sequence["name"])
def test_each_step_gives_what_the_vectors_say(sequence, where):
    normaliser = Normaliser(
        sequence["preset"],
        alpha=sequence["alpha"],
        floor=sequence["floor"],
        on_device=None if where == "cuda" else where == "device",
    )
    device = "cuda" if where == "cuda" else "cpu"
    for raw in sequence["steps"]:
        step = numbers(raw)
        losses = torch.tensor(step["losses"], dtype=torch.float64, device=device)
        factors_C = class_factors(torch.tensor(FILE["counts"], device=device), step["beta"])
        weights, statistics, bare = weigh_balanced(
            normaliser, losses, factors_C[raw["labels"]], lam=step["lam"], gamma=step["gamma"]
        )
        expected = torch.tensor(step["weights"], dtype=torch.float64)
        torch.testing.assert_close(weights.cpu(), expected, rtol=1e-12, atol=1e-44)
        found = read_statistics(statistics)
        for name, value in step["statistics"].items():
            assert close(getattr(found, name), value), name
        kl, ess = bare.tolist() if isinstance(bare, torch.Tensor) else bare
        assert close(kl, step["bare"]["kl"])
        assert close(ess, step["bare"]["ess"])


def test_the_committed_vectors_are_what_their_generator_writes(monkeypatch):
    monkeypatch.syspath_prepend(str(GOLDEN))
    assert (GOLDEN / "class_balance.json").read_text() == runpy.run_path(str(GOLDEN / "class_balance.py"))[
        "text"
    ]()


def test_in_the_reference_a_step_is_that_of_the_authors_code():
    """Class weights multiply the losses before exp, and what is differentiated is Σ p·(c·loss)."""
    losses = torch.rand(16, dtype=torch.float64, requires_grad=True)
    factors = torch.rand(16, dtype=torch.float64) + 0.1
    weights, _, _ = weigh_balanced(Normaliser("reference", alpha=0.5), losses, factors, lam=0.7, gamma=0.9)
    weighted_loss(losses, weights).backward()
    weighed = (factors * losses.detach()).requires_grad_()
    p = (weighed / 0.7).exp() / (0.9 * 0.5 * (weighed / 0.7).exp().mean() * 16)
    (p.detach() * weighed).sum().backward()
    assert losses.grad is not None
    assert weighed.grad is not None
    torch.testing.assert_close(losses.grad, weighed.grad * factors)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_weights_have_the_dtype_that_they_have_without_a_factor(dtype):
    losses = torch.rand(8).to(dtype)
    plain = Normaliser().weigh(losses, lam=-1.0, gamma=0.9)
    weights, _, _ = weigh_balanced(Normaliser(), losses, torch.ones(8).double(), lam=-1.0, gamma=0.9)
    assert weights.dtype == plain.weights_B.dtype
    torch.testing.assert_close(weights, plain.weights_B)


def test_factors_are_those_of_the_samples_drawn_and_follow_the_schedule():
    labels = torch.tensor([3, 3, 3, 3, 90, 90, 2**32 - 1])
    balance = ClassBalance(labels)
    losses, indices = torch.rand(3), torch.tensor([0, 4, 6])
    assert balance.factors({"lambda": 1.0}, indices, losses) is None
    assert balance.factors({"class_balance": 0.0}, indices, losses) is None
    for beta in (0.9, 0.99, 0.9):
        raw = [(1 - beta) / (1 - beta**n) for n in (4, 2, 1)]
        expected = torch.tensor([3 * value / math.fsum(raw) for value in raw], dtype=torch.float64)
        found = balance.factors({"class_balance": beta}, indices, losses)
        torch.testing.assert_close(found, expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("beta", [0.0, 0.9])
def test_without_labels_the_control_is_refused_before_it_is_needed(beta):
    with pytest.raises(
        ControlError, match=r"class_balance, but the task has no labels: give Task\(labels=…\)"
    ):
        ClassBalance(None).factors({"class_balance": beta}, torch.tensor([0]), torch.rand(1))
    assert ClassBalance(None).factors({"lambda": 2.0}, torch.tensor([0]), torch.rand(1)) is None


def test_a_task_without_labels_fails_before_training_and_names_the_remedy(served):
    controller, worker = served(params={"labels": False})
    assert "class_balance" not in [entry.name for entry in controller.await_welcomed().initial]
    # Deferred: it would be needed at step 50 only.
    controller.plan(0, 100, class_balance=[0.0] * 50 + [0.9] * 50)
    bye = controller.release()
    assert bye.reason == session_pb2.BYE_REASON_FAILED
    assert "class_balance, but the task has no labels: give Task(labels=…)" in bye.message
    assert bye.position.step == 0
    assert worker.wait() == 1
