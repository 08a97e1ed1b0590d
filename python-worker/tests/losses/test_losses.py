"""The classic per-sample losses, each against its formula in plain float64 Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import pytest
import torch
from torch import Tensor

import absgd_worker
from absgd_worker import TaskError, losses

COUNTS = [500, 100, 20, 4, 0]
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
IGNORED = -100


def softmax(z: Sequence[float]) -> list[float]:
    shares = [math.exp(a - max(z)) for a in z]
    return [share / math.fsum(shares) for share in shares]


def plain_cross_entropy(z: Sequence[float], y: int, smoothing: float = 0.0) -> float:
    p = softmax(z)
    target = [smoothing / len(z) + (1 - smoothing) * (c == y) for c in range(len(z))]
    return -math.fsum(t * math.log(q) for t, q in zip(target, p, strict=True) if t)


def plain_focal(z: Sequence[float], y: int, gamma: float) -> float:
    p = softmax(z)[y]
    return (1 - p) ** gamma * math.log(1 / p)


def plain_symmetric(z: Sequence[float], y: int, alpha: float, beta: float, log_zero: float) -> float:
    p = softmax(z)
    reverse = -math.fsum(q * (0 if c == y else log_zero) for c, q in enumerate(p))
    return alpha * -math.log(p[y]) + beta * reverse


def plain_generalised(z: Sequence[float], y: int, q: float, k: float = 0.0) -> float:
    p = softmax(z)[y]
    return (1 - (k if p <= k else p) ** q) / q


def plain_ldam(z: Sequence[float], y: int, max_m: float, s: float) -> float:
    rarest = min(n for n in COUNTS if n)
    margin = max_m * math.sqrt(math.sqrt(rarest / COUNTS[y]))
    moved = [s * (a - margin * (c == y)) for c, a in enumerate(z)]
    return max(moved) + math.log(math.fsum(math.exp(a - max(moved)) for a in moved)) - moved[y]


def plain_balanced(z: Sequence[float], y: int) -> float:
    total = math.fsum(n * math.exp(a) for n, a in zip(COUNTS, z, strict=True))
    return math.log(total / (COUNTS[y] * math.exp(z[y])))


class Case(NamedTuple):
    name: str
    loss: Callable[..., Tensor]
    plain: Callable[..., float]


def counts(like: Tensor) -> Tensor:
    return torch.tensor(COUNTS, device=like.device)


CASES = [
    Case("cross-entropy", losses.cross_entropy, plain_cross_entropy),
    Case(
        "smoothed cross-entropy",
        lambda z, y: losses.cross_entropy(z, y, label_smoothing=0.1),
        lambda z, y: plain_cross_entropy(z, y, 0.1),
    ),
    Case("focal", losses.focal, lambda z, y: plain_focal(z, y, 2)),
    Case("focal 0.5", lambda z, y: losses.focal(z, y, gamma=0.5), lambda z, y: plain_focal(z, y, 0.5)),
    Case("symmetric", losses.symmetric_cross_entropy, lambda z, y: plain_symmetric(z, y, 0.1, 1, -4)),
    Case(
        "symmetric of CIFAR-100",
        lambda z, y: losses.symmetric_cross_entropy(z, y, alpha=6, beta=0.1, log_zero=-9.2),
        lambda z, y: plain_symmetric(z, y, 6, 0.1, -9.2),
    ),
    Case("generalised", losses.generalised_cross_entropy, lambda z, y: plain_generalised(z, y, 0.7)),
    Case(
        "truncated",
        lambda z, y: losses.generalised_cross_entropy(z, y, q=0.4, k=0.5),
        lambda z, y: plain_generalised(z, y, 0.4, 0.5),
    ),
    Case("ldam", lambda z, y: losses.ldam(z, y, counts(z)), lambda z, y: plain_ldam(z, y, 0.5, 30)),
    Case(
        "ldam without its scale",
        lambda z, y: losses.ldam(z, y, counts(z), max_m=1.5, s=1),
        lambda z, y: plain_ldam(z, y, 1.5, 1),
    ),
    Case("balanced softmax", lambda z, y: losses.balanced_softmax(z, y, counts(z)), plain_balanced),
]
every_loss = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
every_device = pytest.mark.parametrize("device", DEVICES)


def a_batch(dtype: torch.dtype, device: str, scale: float = 3.0) -> tuple[Tensor, Tensor]:
    """Logits exact in `dtype`, and labels of the four classes that have samples."""
    generator = torch.Generator().manual_seed(7)
    logits = scale * torch.randn(64, len(COUNTS), dtype=torch.float64, generator=generator)
    labels = torch.randint(4, (64,), generator=generator)
    return logits.to(device, dtype), labels.to(device)


@every_device
@every_loss
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_a_loss_is_what_its_formula_says(case: Case, dtype: torch.dtype, device: str) -> None:
    logits, labels = a_batch(dtype, device)
    found = case.loss(logits, labels)
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    rows = zip(logits.double().tolist(), labels.tolist(), strict=True)
    expected = torch.tensor([case.plain(z, y) for z, y in rows], dtype=torch.float64)
    tolerance = 1e-12 if dtype == torch.float64 else 2e-5
    torch.testing.assert_close(found.double().cpu(), expected, rtol=tolerance, atol=tolerance)


@every_device
@every_loss
def test_its_gradient_is_the_slope_of_its_formula(case: Case, device: str) -> None:
    logits, labels = a_batch(torch.float64, device)
    logits.requires_grad_()
    case.loss(logits, labels).sum().backward()
    assert logits.grad is not None
    for row in range(0, 64, 9):
        z, y = logits[row].tolist(), int(labels[row])
        for c in range(len(COUNTS)):
            up, down = ([a + sign * 1e-5 * (i == c) for i, a in enumerate(z)] for sign in (1, -1))
            slope = (case.plain(up, y) - case.plain(down, y)) / 2e-5
            assert float(logits.grad[row, c]) == pytest.approx(slope, rel=1e-5, abs=1e-7)


@every_device
@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("size", [0.0, 1e-7, 20.0, 6e4])
def test_logits_of_any_size_give_finite_losses_and_gradients(
    case: Case, dtype: torch.dtype, size: float, device: str
) -> None:
    # Learnt by heart, taken for another class with certainty, and undecided.
    signs = torch.tensor([[1, -1, -1, -1, -1], [-1, 1, -1, -1, -1], [0, 0, 0, 0, 0]], device=device)
    logits = (size * signs).to(dtype).requires_grad_()
    found = case.loss(logits, torch.zeros(3, dtype=torch.int64, device=device))
    found.sum().backward()
    assert found.isfinite().all()
    assert (found >= 0).all()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@every_device
@every_loss
def test_an_ignored_sample_has_neither_loss_nor_gradient(case: Case, device: str) -> None:
    logits, labels = a_batch(torch.float32, device)
    whole = case.loss(logits, labels)
    labels[::3] = IGNORED
    logits.requires_grad_()
    found = case.loss(logits, labels)
    found.sum().backward()
    kept = labels != IGNORED
    assert torch.equal(found[kept], whole[kept])
    assert not found[~kept].any()
    assert logits.grad is not None
    assert not logits.grad[~kept].any()


def test_below_its_threshold_the_truncated_loss_is_flat() -> None:
    logits = torch.tensor([[0.0, 1.0], [1.0, 0.0]], requires_grad=True)
    losses.generalised_cross_entropy(logits, torch.tensor([0, 0]), k=0.5).sum().backward()
    assert logits.grad is not None
    assert not logits.grad[0].any()
    assert logits.grad[1].all()


@every_device
@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0])
def test_normalised_logits_are_divided_by_a_power_of_their_norm(tau: float, device: str) -> None:
    logits, _ = a_batch(torch.float64, device)
    expected = [[a / math.sqrt(math.fsum(b * b for b in z)) ** tau for a in z] for z in logits.tolist()]
    found = losses.normalise_logits(logits, tau)
    torch.testing.assert_close(found.cpu(), torch.tensor(expected, dtype=torch.float64), rtol=1e-13, atol=0)
    # Its slope sees the norm, too.
    assert torch.autograd.gradcheck(lambda z: losses.normalise_logits(z, tau), logits[:8].requires_grad_())


@every_device
@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0])
def test_normalised_logits_are_finite_for_rows_of_zeros_and_of_huge_numbers(tau: float, device: str) -> None:
    for dtype, largest in [(torch.float16, 6e4), (torch.float32, 3e38)]:
        logits = torch.tensor([[0.0] * 3, [largest, -largest, 0.0]], device=device, dtype=dtype)
        logits.requires_grad_()
        found = losses.normalise_logits(logits, tau)
        found.sum().backward()
        assert found.isfinite().all()
        assert logits.grad is not None
        assert logits.grad.isfinite().all()
        if tau == 1:
            torch.testing.assert_close(found[1], torch.tensor([0.5**0.5, -(0.5**0.5), 0.0], device=device))


@pytest.mark.parametrize("tau", [0.0, 1.0])
def test_tau_one_confines_cross_entropy(tau: float) -> None:
    logits = 50 * torch.eye(10)
    found = losses.cross_entropy(losses.normalise_logits(logits, tau), torch.zeros(10, dtype=torch.int64))
    assert (float(found.min()) > 1.4) is (tau == 1)


def test_the_losses_are_part_of_the_package() -> None:
    assert absgd_worker.losses is losses


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda z, y: losses.focal(z[0], y), r"logits must be .*\[B, C\].*torch.float32 \[5\].*average"),
        (lambda z, y: losses.focal(z.long(), y), r"logits must be a floating .* not torch.int64"),
        (lambda z, y: losses.focal(z, y.int()), r"labels must be int64.*torch.int32.*\.long\(\)"),
        (lambda z, y: losses.focal(z, y[1:]), r"labels must have the shape \[64\].*not \[63\]"),
        (lambda z, y: losses.focal(z, y, gamma=-1), r"gamma must be finite and from 0, not -1"),
        (
            lambda z, y: losses.cross_entropy(z, y, label_smoothing=1.5),
            r"label_smoothing must be in \[0, 1\]",
        ),
        (
            lambda z, y: losses.symmetric_cross_entropy(z, y, log_zero=0),
            r"log_zero must be .* below 0, not 0",
        ),
        (lambda z, y: losses.symmetric_cross_entropy(z, y, alpha=math.nan), r"alpha must be .*, not nan"),
        (lambda z, y: losses.symmetric_cross_entropy(z, y, beta=-1), r"beta must be .*, not -1"),
        (lambda z, y: losses.generalised_cross_entropy(z, y, q=0), r"q must be in \(0, 1\]: .*, not 0"),
        (lambda z, y: losses.generalised_cross_entropy(z, y, k=1), r"k must be in \(0, 1\), or None, not 1"),
        (lambda z, y: losses.ldam(z, y, counts(z)[1:]), r"class_counts must be a tensor \[5\].*int64 \[4\]"),
        (
            lambda z, y: losses.ldam(z, y, cast("Any", COUNTS)),
            r"class_counts must be a tensor \[5\].*not list.*bincount",
        ),
        (lambda z, y: losses.ldam(z, y, counts(z) - 1), r"class_counts must be from 0, and not all"),
        (lambda z, y: losses.balanced_softmax(z, y, 0 * counts(z)), r"class_counts .* not all of them 0"),
        (lambda z, y: losses.ldam(z, y, counts(z), max_m=-0.1), r"max_m must be .* from 0, not -0.1"),
        (lambda z, y: losses.ldam(z, y, counts(z), s=0), r"s must be finite and above 0, not 0"),
        (lambda z, _: losses.normalise_logits(z, 1.1), r"tau must be in \[0, 1\], not 1.1"),
    ],
)
def test_an_argument_out_of_range_is_refused_by_name(call: Callable[..., Tensor], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        call(*a_batch(torch.float32, "cpu"))
