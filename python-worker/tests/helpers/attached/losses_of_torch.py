"""Every loss of torch, as a module and as a function, with what it is called with.

Shapes: B samples, C classes, scores [B, C] of a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

B, C = 12, 6
generator = torch.Generator().manual_seed(5)
points = torch.randn(B, 4, generator=generator)
aims = torch.randn(B, C, generator=generator)
labels = torch.arange(B) % C
signs = torch.where(aims > 0, 1.0, -1.0)
shares = aims.sigmoid()
vectors = torch.randn(C, C, generator=generator)
LENGTHS = torch.tensor([2, 1, 2])


class Loss(NamedTuple):
    """One of them."""

    module: str
    """The name of its class in `torch.nn`."""
    function: str
    """Its name in `torch.nn.functional`; empty if it has none."""
    given: Callable[[Tensor], tuple[Any, ...]]
    """Makes its arguments from scores [B, C]."""
    options: tuple[tuple[str, int], ...] = ()
    """Options of the module, besides its reduction."""
    is_refused: bool = False
    """Whether it has no loss of one sample under a mean."""


def speech(scores: Tensor) -> tuple[Any, ...]:
    """Scores of B / 3 time steps and 3 sequences."""
    steps = scores.log_softmax(1).view(B // 3, 3, C)
    return steps, torch.tensor([[1, 2], [3, 0], [4, 1]]), torch.tensor([B // 3] * 3), LENGTHS


ALL = [
    Loss("L1Loss", "l1_loss", lambda s: (s, aims)),
    Loss("MSELoss", "mse_loss", lambda s: (s, aims)),
    Loss("SmoothL1Loss", "smooth_l1_loss", lambda s: (s, aims)),
    Loss("HuberLoss", "huber_loss", lambda s: (s, aims)),
    Loss("NLLLoss", "nll_loss", lambda s: (s.log_softmax(1), labels)),
    Loss("PoissonNLLLoss", "poisson_nll_loss", lambda s: (s, aims.abs())),
    Loss("GaussianNLLLoss", "gaussian_nll_loss", lambda s: (s, aims, s.exp())),
    Loss("KLDivLoss", "kl_div", lambda s: (s.log_softmax(1), aims.softmax(1))),
    Loss("BCELoss", "binary_cross_entropy", lambda s: (s.sigmoid(), shares)),
    Loss("BCEWithLogitsLoss", "binary_cross_entropy_with_logits", lambda s: (s, shares)),
    Loss("MultiLabelMarginLoss", "multilabel_margin_loss", lambda s: (s, labels[:, None].expand(B, C) * 1)),
    Loss("SoftMarginLoss", "soft_margin_loss", lambda s: (s, signs)),
    Loss("CrossEntropyLoss", "cross_entropy", lambda s: (s, labels)),
    Loss("MultiLabelSoftMarginLoss", "multilabel_soft_margin_loss", lambda s: (s, shares)),
    Loss("MultiMarginLoss", "multi_margin_loss", lambda s: (s, labels)),
    Loss("HingeEmbeddingLoss", "hinge_embedding_loss", lambda s: (s, signs), is_refused=True),
    Loss("CosineEmbeddingLoss", "cosine_embedding_loss", lambda s: (s, aims, signs[:, 0]), is_refused=True),
    Loss(
        "MarginRankingLoss",
        "margin_ranking_loss",
        lambda s: (s[:, 0], aims[:, 0], signs[:, 0]),
        is_refused=True,
    ),
    Loss("TripletMarginLoss", "triplet_margin_loss", lambda s: (s, aims, -aims), is_refused=True),
    Loss(
        "TripletMarginWithDistanceLoss",
        "triplet_margin_with_distance_loss",
        lambda s: (s, aims, -aims),
        is_refused=True,
    ),
    Loss("CTCLoss", "ctc_loss", speech, is_refused=True),
]
if hasattr(nn, "LinearCrossEntropyLoss"):
    ALL += [
        Loss("LinearCrossEntropyLoss", "", lambda s: (s, labels), (("in_features", C), ("num_classes", C))),
        Loss("", "linear_cross_entropy", lambda s: (s, vectors, labels)),
    ]
ALIASES = {"NLLLoss2d"}
"""Names of `torch.nn.modules.loss` for a class that is there already."""
REDUCTIONS = ("mean", "sum", "none")


class Criterion(NamedTuple):
    """A loss with its reduction, as a script has it."""

    name: str
    """The name of the class or the function."""
    make: Callable[[], Callable[..., Tensor]]
    given: Callable[[Tensor], tuple[Any, ...]]
    reduction: str
    is_refused: bool
    function: str
    """The name of the function of torch that is called."""

    @property
    def is_function(self) -> bool:
        return self.name == self.function

    @property
    def id(self) -> str:
        return f"{self.name} {self.reduction}"


def criteria() -> Iterator[Criterion]:
    """All of them, in every reduction."""
    for loss in ALL:
        for reduction in REDUCTIONS:
            is_refused = loss.is_refused and (
                reduction == "mean" or (reduction == "sum" and loss.function != "ctc_loss")
            )
            if loss.module:
                yield Criterion(
                    loss.module, _module(loss, reduction), loss.given, reduction, is_refused, loss.function
                )
            if loss.function:
                yield Criterion(
                    loss.function,
                    _function(loss, reduction),
                    loss.given,
                    reduction,
                    is_refused,
                    loss.function,
                )


def _module(loss: Loss, reduction: str) -> Callable[[], Callable[..., Tensor]]:
    def make() -> Callable[..., Tensor]:
        torch.manual_seed(3)
        module: Callable[..., Tensor] = getattr(nn, loss.module)(**dict(loss.options), reduction=reduction)
        return module

    return make


def _function(loss: Loss, reduction: str) -> Callable[[], Callable[..., Tensor]]:
    function = getattr(F, loss.function)

    def make() -> Callable[..., Tensor]:
        def call(*given: Any) -> Tensor:
            result: Tensor = function(*given, reduction=reduction)
            return result

        call.__name__ = loss.function
        return call

    return make
