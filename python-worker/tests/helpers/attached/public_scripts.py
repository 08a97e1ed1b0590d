"""Small training scripts after public ones, each weighed by hand and in every way in that it can take."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.session.session import Session

GAMMA = 0.4
LAMBDAS = (math.inf, -0.9, -0.8, -0.8)
"""Of the steps 0 to 3, in a script that says no others."""


class Estimate:
    """The default rule of proto/README.md, in Python floats."""

    def __init__(self) -> None:
        self.free_energy, self.kl, self.lam, self.seen = math.nan, math.nan, math.nan, 0.0

    def weights(self, losses_B: Tensor, lam: float, gamma: float) -> Tensor:
        """B times the weight of each loss."""
        losses, n = losses_B.detach().double(), len(losses_B)
        if not n:
            return losses
        if math.isinf(lam):
            self.lam = lam
            return torch.ones_like(losses)
        if not 0.5 <= lam / self.lam <= 2:
            self.free_energy, self.seen = math.nan, 0.0
        elif lam != self.lam:
            self.free_energy -= self.kl * (lam - self.lam)
        self.seen += gamma * (1 - self.seen)
        rho = gamma / self.seen
        m = torch.logsumexp(losses / lam, 0).item() - math.log(n)
        log_u = m
        if not math.isnan(self.free_energy):
            log_u = math.log((1 - rho) * math.exp(self.free_energy / lam) + rho * math.exp(m))
            log_u = min(max(log_u, m - math.log(2)), m + 5)
        self.free_energy, self.lam = lam * log_u, lam
        weights = torch.exp((losses - self.free_energy) / lam) / n
        self.kl = ((weights * losses).sum() / (lam * weights.sum())).item() - m
        return n * weights


class Script:
    """What a script is run with: it asks for the weighed form of its criterion, which `way` decides.

    `way`: "by hand", "capture", "wrap" or "weigh"; "plain", or "plain reduce" as for "weigh", is the script
    as it was. `is_off`: λ is off at every step.
    """

    def __init__(self, way: str, *, is_off: bool = False, lambdas: tuple[float, ...] = LAMBDAS) -> None:
        self.way = way
        self.lambdas = tuple(math.inf for _ in lambdas) if is_off else lambdas
        self.printed: list[Tensor] = []
        self.generator = torch.Generator().manual_seed(3)
        self.session: Session | None = None
        self.step = 0
        self._estimates: dict[str, Estimate] = {}

    @property
    def is_by_hand(self) -> bool:
        return self.way == "by hand"

    @property
    def is_reduced(self) -> bool:
        """Whether the script has losses of its samples, and reduces them."""
        return self.way in ("weigh", "plain reduce")

    def randn(self, *shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=self.generator)

    def rand(self, *shape: int) -> Tensor:
        return torch.rand(shape, dtype=torch.float64, generator=self.generator)

    def randint(self, below: int, *shape: int) -> Tensor:
        return torch.randint(below, shape, generator=self.generator)

    def model(self, inputs: int, outputs: int) -> nn.Linear:
        model = nn.Linear(inputs, outputs).double()
        with torch.no_grad():
            for one in model.parameters():
                one.copy_(0.5 * self.randn(*one.shape))
        return model

    def wrap(self, criterion: Any, **settings: Any) -> Any:
        """The criterion as the script calls it."""
        return api.wrap(criterion, **settings) if self.way == "wrap" else criterion

    def reduce(self, losses: Tensor, how: Callable[[Tensor], Tensor] = torch.mean, **settings: Any) -> Tensor:
        """What the script makes of the losses of its samples."""
        return api.weigh(losses, **settings) if self.way == "weigh" else how(losses)

    def factors(self, losses_G: Tensor, name: str = "loss", *, gamma: float = GAMMA) -> Tensor:
        """By hand: what the loss of each sample is multiplied by; 0 where it is NaN, which does not count."""
        counts = ~losses_G.isnan()
        found = torch.zeros_like(losses_G)
        estimate = self._estimates.setdefault(name, Estimate())
        found[counts] = estimate.weights(losses_G[counts], self.lambdas[self.step], gamma).to(found)
        return found.detach()

    def again(self) -> None:
        """By hand: another training begins."""
        self._estimates, self.step = {}, 0

    @contextmanager
    def training(self, **settings: Any) -> Iterator[Session | None]:
        """What the script puts around its loop."""
        if self.is_by_hand or self.way.startswith("plain"):
            yield None
            return
        lam = lambda step: self.lambdas[step]  # noqa: E731
        with api.session(lam=lam, gamma=GAMMA, **settings) as session:
            self.session = session
            around: AbstractContextManager[Any] = api.capture() if self.way == "capture" else nullcontext()
            with around:
                yield session

    def print(self, *numbers: Tensor) -> None:
        self.printed += [one.detach().clone() for one in numbers]

    def train(self, model: nn.Module, loss: Callable[[int], Tensor], *others: nn.Parameter) -> None:
        """The loop that most scripts have; `loss` is given the number of the step."""
        optimizer = torch.optim.SGD([*model.parameters(), *others], lr=0.05, momentum=0.9)
        with self.training():
            for number in range(len(self.lambdas)):
                optimizer.zero_grad()
                found = loss(number)
                found.backward()
                optimizer.step()
                self.print(found, *model.parameters(), *others)
                self.step += 1


Trained = Callable[[Script], None]


def run(train: Trained, way: str, **settings: Any) -> list[Tensor]:
    """What a script prints: its losses and parameters."""
    script = Script(way, **settings)
    train(script)
    return script.printed


def differences(train: Trained, way: str) -> list[str]:
    """What is wrong with a script that is weighed in this way."""
    found = []
    plain = run(train, "plain reduce" if way == "weigh" else "plain", is_off=True)
    off = run(train, way, is_off=True)
    if len(plain) != len(off) or not all(torch.equal(a, b) for a, b in zip(plain, off, strict=True)):
        found.append("with lambda off it is not bit-identical")
    right, on = run(train, "by hand"), run(train, way)
    assert not torch.allclose(right[-1], plain[-1], rtol=1e-4), "lambda has no effect in this case"
    for number, (a, b) in enumerate(zip(right, on, strict=True)):
        if not torch.allclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True):
            found.append(f"number {number} is {b.flatten()[:4]}, must be {a.flatten()[:4]}")
            break
    return found
