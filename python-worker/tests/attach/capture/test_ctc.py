"""CTC has a loss of each sequence, but its own mean divides by the target lengths."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from one_step import a_model
from torch import Tensor

from absgd_worker.attach import api
from losses_of_torch import LENGTHS, criteria, points

CRITERIA = list(criteria())


@pytest.mark.parametrize("reduce", ["sum", "mean of none", "divided by lengths"])
@pytest.mark.parametrize("is_module", [True, False])
def test_ctc_has_a_loss_of_each_sequence_unless_it_is_under_its_own_mean(
    is_module: bool, reduce: str
) -> None:
    own = "sum" if reduce == "sum" else "none"
    name = "CTCLoss" if is_module else "ctc_loss"
    criterion = next(one for one in CRITERIA if (one.name, one.reduction) == (name, own))

    def finish(losses: Tensor) -> Tensor:
        losses = losses / LENGTHS if reduce == "divided by lengths" else losses
        return losses.mean() if losses.ndim else losses

    plain = F.ctc_loss(*criterion.given(a_model()(points)), reduction="none").detach()
    plain = plain / LENGTHS if reduce == "divided by lengths" else plain
    weights = torch.softmax(-plain.double(), 0)
    expected = (weights * plain).sum().item() * (len(plain) if reduce == "sum" else 1)

    def wrapped() -> Tensor:
        return finish(api.wrap(criterion.make())(*criterion.given(a_model()(points))))

    def captured() -> Tensor:
        with api.capture():
            return finish(criterion.make()(*criterion.given(a_model()(points))))

    def weighed() -> Tensor:
        losses = F.ctc_loss(*criterion.given(a_model()(points)), reduction="none")
        losses = losses / LENGTHS if reduce == "divided by lengths" else losses
        return api.weigh(losses, reduction="sum" if reduce == "sum" else "mean")

    for way in (wrapped, captured, weighed):
        with api.session(lam=-1.0) as session:
            found = way()
            assert session.captured == 1
        assert found.item() == pytest.approx(expected, rel=1e-5), way.__name__
