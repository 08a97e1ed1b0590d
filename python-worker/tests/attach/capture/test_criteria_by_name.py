"""Criteria of other libraries that compare pairs of samples are known by their names."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from one_step import a_model, is_same, step
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.errors import NotWeighable
from losses_of_torch import points
from recorder import Recorder

NAMED = ["JsdCrossEntropy", "SupConLoss", "TripletMiner", "ContrastiveLoss", "NTXentLoss", "InfoNCE"]


def named(name: str, reduce: Callable[[Tensor], Tensor]) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    """A class and a function of that name. By their operations, their losses are those of single samples."""
    kind = type(name, (nn.Module,), {"forward": lambda _, scores: reduce(scores.logsumexp(1))})

    def call(scores: Tensor) -> Tensor:
        return reduce(scores.logsumexp(1))

    call.__name__ = name.lower()
    return kind(), call


@pytest.mark.parametrize("name", NAMED)
def test_a_criterion_of_another_library_is_refused_by_its_name(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for criterion in named(name, torch.mean):
        called = getattr(criterion, "__name__", name)
        with api.session(lam=-1.0), pytest.raises(NotWeighable, match=f"^{called} cannot be weighed"):
            api.wrap(criterion)(a_model()(points))
        source = Recorder(**{"lambda": math.inf})
        plain = step(criterion, lambda scores: (scores,))
        with api.session(source=source, announce=True):
            wrapped = api.wrap(criterion)
            for _ in range(2):
                assert is_same(step(wrapped, lambda scores: (scores,)), plain)
        assert not source.entries
        assert capsys.readouterr().err.count(f"not weighed: {called} cannot be weighed per sample: ") == 1


@pytest.mark.parametrize("name", NAMED)
def test_its_losses_without_reduction_are_weighed_where_they_are_reduced(name: str) -> None:
    losses = a_model()(points).logsumexp(1).detach()
    expected = (torch.softmax(-losses.double(), 0) * losses).sum()
    for criterion in named(name, lambda losses: losses):
        with api.session(lam=-1.0) as session:
            found = api.wrap(criterion)(a_model()(points)).mean()
            assert session.captured == 1
        assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_losses_of_a_name_that_mix_samples_are_refused_also_without_reduction() -> None:
    class NTXent(nn.Module):
        def forward(self, scores: Tensor) -> Tensor:
            flat = F.normalize(scores, dim=1)
            return -(flat @ flat.t()).log_softmax(1).diagonal()

    with api.session(lam=-1.0), pytest.raises(NotWeighable, match=r"^NTXent gives one figure of the whole"):
        api.wrap(NTXent())(a_model()(points))
