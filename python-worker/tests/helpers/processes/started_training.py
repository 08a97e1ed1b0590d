"""Functions that a script runs in the processes that it starts."""

from __future__ import annotations

import torch

import absgd_worker as absgd


def train() -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight], lr=0.1)
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
