"""Functions that a script runs in the processes that it starts."""

from __future__ import annotations

import torch

import absgd_worker as absgd


class Descent(torch.optim.Optimizer):
    """One that was unpickled: torch loads its compiler, for seconds, to make an optimizer anew."""

    @classmethod
    def of(cls, weight: torch.nn.Parameter) -> Descent:
        optimizer = cls.__new__(cls)
        optimizer.__setstate__({"param_groups": [{"params": [weight]}], "state": {}, "defaults": {}})
        return optimizer

    def step(self, closure: object = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"]:
                weight.data -= 0.1 * weight.grad


def train() -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = Descent.of(weight)
    # A backward pass needs threads, which a fork of a process that has had one lacks.
    weight.grad = torch.ones(2)
    optimizer.step()


def train_in_a_session_of_its_own() -> None:
    with absgd.session(lam=-1.0):
        train()


def look() -> None:
    assert torch.ones(2).sum() == 2


class Trainer:
    """Called like a function, of a class of a module of its own."""

    def __call__(self) -> None:
        train()
