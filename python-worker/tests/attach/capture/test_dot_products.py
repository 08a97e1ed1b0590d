"""A dot product of losses and weights is weighed like a sum of products."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.errors import NotWeighable
from pairwise import pairwise
from recorder import Recorder

B, C = 10, 4
generator = torch.Generator().manual_seed(2)
points = torch.randn(B, 3, generator=generator)
labels = torch.arange(B) % C
Dot = Callable[[Tensor, Tensor], Tensor]

SPELLINGS: dict[str, Dot] = {
    "dot": torch.dot,
    "dot of the losses": lambda losses, w: losses.dot(w),
    "dot of the weights": lambda losses, w: w.dot(losses),
    "dot by keywords": lambda losses, w: torch.dot(input=losses, tensor=w),
    "vdot": torch.vdot,
    "vdot of the losses": lambda losses, w: losses.vdot(w),
    "inner": torch.inner,
    "inner of the weights": lambda losses, w: w.inner(losses),
    "@": lambda losses, w: losses @ w,
    "weights @": lambda losses, w: w @ losses,
    "matmul": torch.matmul,
    "matmul of the losses": lambda losses, w: losses.matmul(w),
    "linalg.matmul": torch.linalg.matmul,
    "linalg.vecdot": torch.linalg.vecdot,
    "einsum": lambda losses, w: torch.einsum("b,b->", losses, w),
    "einsum without an arrow": lambda losses, w: torch.einsum("i, i", w, losses),
    "einsum of a list": lambda losses, w: torch.einsum("n,n->", [losses, w]),
    "tensordot": lambda losses, w: torch.tensordot(losses, w, 1),
    "tensordot over dimensions": lambda losses, w: torch.tensordot(losses, w, dims=([0], [0])),  # type: ignore[arg-type]
}
WEIGHTS = {
    "weights of samples": torch.rand(B, generator=generator) + 0.2,
    "a mask": (torch.arange(B) % 3 > 0).float(),
    "one number": torch.full((B,), 1 / B),
    "advantages": torch.randn(B, generator=generator),
}


def a_model() -> nn.Linear:
    torch.manual_seed(4)
    return nn.Linear(3, C)


def by_multiplication(losses: Tensor, w: Tensor) -> Tensor:
    return (losses * w).sum()


def captured(dot: Dot, weights: Tensor) -> Tensor:
    """The loss of a batch: `dot` reduces its losses with `weights`."""
    with api.capture():
        return dot(F.cross_entropy(a_model()(points), labels, reduction="none"), weights)


def wrapped(dot: Dot, weights: Tensor) -> Tensor:
    return dot(api.wrap(nn.CrossEntropyLoss(reduction="none"))(a_model()(points), labels), weights)


def inside(dot: Dot, weights: Tensor) -> Tensor:
    def criterion(scores: Tensor) -> Tensor:
        return dot(F.cross_entropy(scores, labels, reduction="none"), weights)

    return api.wrap(criterion)(a_model()(points))  # type: ignore[no-any-return]


def inside_by_hand(dot: Dot, weights: Tensor) -> Tensor:
    def criterion(scores: Tensor) -> Tensor:
        return dot(-scores.log_softmax(1).gather(1, labels[:, None])[:, 0], weights)

    return api.wrap(criterion)(a_model()(points))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("spelling", "kind", "way"),
    pairwise([*SPELLINGS], [*WEIGHTS], [captured, wrapped, inside, inside_by_hand]),
)
def test_a_dot_product_has_the_weights_of_the_sum_of_products(
    spelling: str, kind: str, way: Callable[[Dot, Tensor], Tensor]
) -> None:
    dot, weights = SPELLINGS[spelling], WEIGHTS[kind]
    losses = F.cross_entropy(a_model()(points), labels, reduction="none").detach()
    with api.session(source=Recorder(**{"lambda": -1.0})) as session:
        found = way(dot, weights)
        assert session.captured == 1
    with api.session(source=Recorder(**{"lambda": -1.0})):
        expected = way(by_multiplication, weights)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    assert found.item() != pytest.approx(dot(losses, weights).item(), rel=1e-4)
    with api.session(source=Recorder(**{"lambda": math.inf})) as session:
        off = way(dot, weights)
        off.backward()
        assert session.captured == 1
    if way is not inside_by_hand:
        assert torch.equal(off, dot(losses, weights))


def test_the_weight_of_a_sample_stays_outside_of_the_exponent() -> None:
    weights = WEIGHTS["weights of samples"]
    losses = F.cross_entropy(a_model()(points), labels, reduction="none").detach().double()
    expected = B * (torch.softmax(-losses, 0) * weights * losses).sum()
    with api.session(source=Recorder(**{"lambda": -1.0})), api.capture():
        found = F.cross_entropy(a_model()(points), labels, reduction="none") @ weights
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("spelling", list(SPELLINGS))
def test_a_dot_product_without_losses_is_unchanged(spelling: str) -> None:
    vector = torch.rand(B, requires_grad=True)
    with api.session(source=Recorder(**{"lambda": -1.0})) as session, api.capture():
        F.cross_entropy(a_model()(points), labels, reduction="none")
        found = SPELLINGS[spelling](vector, WEIGHTS["a mask"])
        assert session.captured == 0
    assert torch.equal(found, SPELLINGS[spelling](vector, WEIGHTS["a mask"]))


def test_a_matrix_product_of_losses_is_refused() -> None:
    rows = torch.rand(2, B)
    with api.session(source=Recorder(**{"lambda": -1.0})), api.capture():
        losses = F.cross_entropy(a_model()(points), labels, reduction="none")
        with pytest.raises(api.GranularityError, match="in a way that does not tell their samples"):
            (rows @ losses).mean()
    with api.session(source=Recorder(**{"lambda": -1.0})):
        losses = api.wrap(nn.CrossEntropyLoss(reduction="none"))(a_model()(points), labels)
        with pytest.raises(NotWeighable, match="by an operation that is not followed"):
            (rows @ losses)[0].backward()
