"""Losses without a sample that counts: empty selections, ignored labels only, padding only."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.provenance.functional_losses import LOSSES, refusal
from recorder import Recorder

B, C = 6, 3
torch.manual_seed(0)
x = torch.randn(B, 4)
y = torch.arange(B) % C
none = torch.zeros(B, dtype=torch.bool)
rows, row = torch.zeros(B, C), torch.zeros(B)
one = torch.ones(B)
LAMBDAS = (math.inf, -1.0)

Call = Callable[[Tensor, str], Tensor]
"""Functions of the scores [B, C] of a model, and of a reduction."""

CALLS: dict[str, Call] = {
    "binary_cross_entropy": lambda s, r: F.binary_cross_entropy(s.sigmoid()[none], rows[none], reduction=r),
    "binary_cross_entropy_with_logits": lambda s, r: F.binary_cross_entropy_with_logits(
        s[:, 0][none], row[none], pos_weight=torch.ones(1), reduction=r
    ),
    "cross_entropy": lambda s, r: F.cross_entropy(s[none], y[none], reduction=r),
    "cross_entropy of soft labels": lambda s, r: F.cross_entropy(s[none], rows[none], reduction=r),
    "cross_entropy of ignored labels": lambda s, r: F.cross_entropy(s, y * 0 - 100, reduction=r),
    "cross_entropy of classes of weight 0": lambda s, r: F.cross_entropy(
        s, y * 0, torch.tensor([0.0, 1, 1]), reduction=r
    ),
    "gaussian_nll_loss": lambda s, r: F.gaussian_nll_loss(s[none], rows[none], rows[none] + 1, reduction=r),
    "huber_loss": lambda s, r: F.huber_loss(s[none], rows[none], reduction=r),
    "kl_div": lambda s, r: F.kl_div(s.log_softmax(1)[none], rows[none], reduction=r),
    "kl_div batchmean": lambda s, r: F.kl_div(s.log_softmax(1)[none], rows[none], reduction="batchmean"),
    "l1_loss": lambda s, r: F.l1_loss(s[none[:, None].expand(B, C)], torch.zeros(0), reduction=r),
    "mse_loss": lambda s, r: F.mse_loss(s[none], rows[none], reduction=r),
    "mse_loss of weight 0": lambda s, r: F.mse_loss(s, rows, weight=rows, reduction=r),
    "multi_margin_loss": lambda s, r: F.multi_margin_loss(s[none], y[none], reduction=r),
    "multilabel_margin_loss": lambda s, r: F.multilabel_margin_loss(s[none], rows[none].long(), reduction=r),
    "multilabel_soft_margin_loss": lambda s, r: F.multilabel_soft_margin_loss(
        s[none], rows[none], reduction=r
    ),
    "nll_loss": lambda s, r: F.nll_loss(s.log_softmax(1)[none], y[none], reduction=r),
    "nll_loss of ignored labels": lambda s, r: F.nll_loss(s.log_softmax(1), y * 0 - 100, reduction=r),
    "poisson_nll_loss": lambda s, r: F.poisson_nll_loss(s[none], rows[none], reduction=r),
    "smooth_l1_loss": lambda s, r: F.smooth_l1_loss(s[none], rows[none], reduction=r),
    "soft_margin_loss": lambda s, r: F.soft_margin_loss(s[none], rows[none] + 1, reduction=r),
    "cosine_embedding_loss": lambda s, r: F.cosine_embedding_loss(
        s[none], rows[none], one[none], reduction=r
    ),
    "hinge_embedding_loss": lambda s, r: F.hinge_embedding_loss(s[none], rows[none] + 1, reduction=r),
    "margin_ranking_loss": lambda s, r: F.margin_ranking_loss(
        s[:, 0][none], row[none], one[none], reduction=r
    ),
    "triplet_margin_loss": lambda s, r: F.triplet_margin_loss(s[none], rows[none], rows[none], reduction=r),
    "triplet_margin_with_distance_loss": lambda s, r: F.triplet_margin_with_distance_loss(
        s[none], rows[none], rows[none], reduction=r
    ),
    "ctc_loss": lambda s, r: F.ctc_loss(
        s.log_softmax(1)[:, None].expand(B, 2, C)[:, :0], y[:0, None], y[:0], y[:0], reduction=r
    ),
}


UNDEFINED = {"multi_margin_loss", "multilabel_margin_loss"}
"""Losses for which torch returns uninitialised memory if the selection is empty."""


def test_every_loss_of_torch_is_in_the_table() -> None:
    assert {function.__name__ for function in LOSSES} <= {name.split()[0] for name in CALLS}


def same(found: Tensor, plain: Tensor) -> bool:
    return torch.equal(found.nan_to_num(-7.0), plain.nan_to_num(-7.0))


def total(loss: Tensor) -> Tensor:
    return loss.sum() if loss.ndim else loss


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", list(CALLS))
@pytest.mark.filterwarnings("ignore")
def test_a_loss_of_no_sample_is_that_of_torch(name: str, reduction: str) -> None:
    call = CALLS[name]
    model = nn.Linear(4, C)
    try:
        plain = total(call(model(x), reduction))
    except (RuntimeError, ValueError):
        pytest.skip("torch itself refuses it")
    is_refused = any(refusal(one) for one in LOSSES if one.__name__ == name.split(maxsplit=1)[0])

    def captured() -> Tensor:
        with api.capture():
            return total(call(model(x), reduction))

    def wrapped() -> Tensor:
        return total(api.wrap(lambda scores: call(scores, reduction))(model(x)))

    def wrapped_with_the_model() -> Tensor:
        return total(api.wrap(lambda: call(model(x), reduction))())

    def weighed() -> Tensor:
        scores = model(x)
        return api.weigh(call(scores, "none"), reduction="sum" if reduction == "none" else reduction)  # type: ignore[arg-type]

    by_hand = total(call(model(x), "none")).isnan() or not call(model(x), "none").numel()
    for lam in LAMBDAS:
        if is_refused and math.isfinite(lam):
            continue
        for way in (captured, wrapped, wrapped_with_the_model, *([weighed] if by_hand else [])):
            with api.session(source=Recorder(**{"lambda": lam})) as session:
                found = way()
            is_comparable = name not in UNDEFINED and (way is not weighed or "batchmean" not in name)
            assert not is_comparable or same(found, plain), (lam, way.__name__, found, plain)
            assert session.captured == 0


@pytest.mark.parametrize("lam", LAMBDAS)
@pytest.mark.parametrize(("reduction", "expected"), [("sum", 0.0), ("mean", math.nan), ("none", None)])
def test_weigh_accepts_losses_without_elements(lam: float, reduction: str, expected: float | None) -> None:
    model = nn.Linear(4, C)
    with api.session(lam=lam) as session:
        losses = F.cross_entropy(model(x), y, reduction="none")[none]
        for mask in (None, none[none]):
            found = api.weigh(losses, mask=mask, reduction=reduction)  # type: ignore[arg-type]
            assert found.shape == (losses.shape if reduction == "none" else ())
            assert expected is None or found.item() == pytest.approx(expected, nan_ok=True)
        masked = api.weigh(F.cross_entropy(model(x), y, reduction="none"), mask=none, reduction="sum")
        assert masked.item() == 0
    assert session.captured == 0


def trained(
    batches: list[tuple[Tensor, Tensor]], way: str, lam: float, every: int = 1
) -> tuple[list[float], object, object]:
    """The losses, the parameters, and the state of the estimate. `every`: the micro-batches of a step."""
    torch.manual_seed(1)
    model = nn.Linear(4, C).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    criterion = nn.CrossEntropyLoss(reduction="none" if "none" in way else "mean")
    with api.session(lam=lam, gamma=0.5, accumulate=1) as session:
        if "wrap" in way:
            criterion = api.wrap(criterion)
        for number, (points, labels) in enumerate(batches):
            model(points)
            if "capture" in way:
                with api.capture():
                    loss = criterion(model(points), labels)
                    loss = loss.mean() if loss.ndim else loss
            elif way == "weigh":
                each = F.cross_entropy(model(points), labels, reduction="none")
                loss = api.weigh(each, mask=labels != -100)
            else:
                loss = criterion(model(points), labels)
                loss = loss.mean() if loss.ndim else loss
            loss.backward()
            losses.append(loss.item())
            if (number + 1) % every == 0:
                optimizer.step()
                optimizer.zero_grad()
        states = [state["normaliser"] for state in session.state_dict()["weighings"].values()]
    return losses, [one.detach().tolist() for one in model.parameters()], states


@pytest.mark.parametrize("way", ["wrap", "wrap none", "capture", "capture none", "weigh"])
@pytest.mark.parametrize("every", [1, 3])
def test_a_batch_of_ignored_labels_leaves_estimate_and_parameters_as_they_were(way: str, every: int) -> None:
    generator = torch.Generator().manual_seed(3)
    points = torch.randn(3, 4, 4, dtype=torch.float64, generator=generator)
    labels = torch.randint(0, C, (3, 4), generator=generator)
    ignored = torch.full((4,), -100)
    few = [(points[0], labels[0]), (points[1], labels[1])]
    more = [few[0], (points[2], ignored), few[1]]
    plain = trained(few, way, -0.7, 1 if every == 1 else 2)
    found = trained(more, way, -0.7, every)
    expected = 0.0 if "none" in way else math.nan
    assert found[0] == pytest.approx([plain[0][0], expected, plain[0][1]], nan_ok=True)
    assert found[1:] == plain[1:]


def test_steps_on_empty_losses_do_not_count_as_unweighed_steps(capsys: pytest.CaptureFixture[str]) -> None:
    model = nn.Linear(4, C)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with api.session(lam=-1.0, announce=True) as session, api.capture():
        for number in range(60):
            labels = y if number % 30 == 0 else y * 0 - 100
            optimizer.zero_grad()
            F.cross_entropy(model(x), labels).backward()
            optimizer.step()
    assert session.step == 2
    assert "no loss" not in capsys.readouterr().err


def test_a_loss_whose_elements_cannot_be_computed_is_left_unchanged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no kernel for that")

    monkeypatch.setattr("absgd_worker.attach.capture.functional_call.elements_of", fails)
    model = nn.Linear(4, C)
    with api.session(announce=True), api.capture():
        assert torch.equal(F.cross_entropy(model(x), y), F.cross_entropy(model(x), y))
    assert "not weighed: cross_entropy: its elements cannot be computed (no kernel" in capsys.readouterr().err
