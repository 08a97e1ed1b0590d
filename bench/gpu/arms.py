"""A step with ABSGD in line, and the step of the worker: eager, compiled, and captured in a CUDA graph.

Both train the same model with the same optimizer. The worker's step sets lr, lambda and gamma, which change
at every step, weighs, and reports losses, weights and statistics; its reports end in a queue of this process.

Shapes: B samples in a batch.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal, TypeVar

import torch
from models import Case
from torch import Tensor

from absgd_worker.device.ordered import OrderedReports
from absgd_worker.device.reports import DeviceReports, Written
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.task.optimizer_controls import Controls
from absgd_worker.weights import (
    ControlsOnDevice,
    Normaliser,
    Rule,
    Statistics,
    state_on,
    weigh_step,
    weighted_loss,
)

Mode = Literal["eager", "compiled", "graph"]
Step = Callable[[], object]
Result = TypeVar("Result")

LAM, GAMMA, LR = 2.0, 0.9, 1e-3


def bare_step(case: Case, mode: Mode) -> Step:
    """ABSGD in three lines, without reports, at one lambda."""
    device = case.inputs.device
    optimizer = _optimizer(case)
    u = torch.ones((), device=device)

    def loss_of(inputs: Tensor, labels: Tensor) -> Tensor:
        losses_B = case.losses(case.model, inputs, labels)
        exponentials_B = torch.exp(losses_B.detach() / LAM)
        u.mul_(1 - GAMMA).add_(exponentials_B.mean(), alpha=GAMMA)
        return (exponentials_B / (u * losses_B.shape[0]) * losses_B).sum()

    forward = torch.compile(loss_of) if mode == "compiled" else loss_of

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        forward(case.inputs, case.labels).backward()
        optimizer.step()

    return _captured(step, step)[0] if mode == "graph" else step


def our_step(case: Case, mode: Mode) -> tuple[Step, Step]:
    """The worker's step, and what hands over the reports of all steps so far."""
    if mode == "graph":
        return _our_graph(case)
    device = case.inputs.device
    optimizer = _optimizer(case)
    controls, normaliser = Controls(optimizer), Normaliser()
    outgoing: deque[object] = deque(maxlen=1000)
    reports = OrderedReports(outgoing)
    numbers, state = ControlsOnDevice(Rule(), device), state_on(device)
    rows = _rows()

    def weighed_in_graph(
        inputs: Tensor, labels: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        losses_B = case.losses(case.model, inputs, labels)
        weights_B, statistics = weigh_step(Rule(), losses_B, values, state)
        return weighted_loss(losses_B, weights_B), losses_B.detach(), weights_B, statistics

    compiled = torch.compile(weighed_in_graph)

    def forward(lam: float, gamma: float) -> tuple[Tensor, Tensor, Tensor, Statistics | Tensor]:
        if mode == "compiled":
            numbers.set(lam=lam, gamma=gamma)
            return compiled(case.inputs, case.labels, numbers.values)
        losses_B = case.losses(case.model, case.inputs, case.labels)
        weights_B, statistics = normaliser.weigh(losses_B.detach(), lam=lam, gamma=gamma)
        return weighted_loss(losses_B, weights_B), losses_B.detach(), weights_B, statistics

    def step() -> None:
        number, row = next(rows)
        applied = controls.apply(row)
        loss, losses_B, weights_B, statistics = forward(row["lambda"], row["gamma"])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        reports.append(_entry(number, applied, statistics, losses_B, weights_B))

    return step, reports.hand_over


def _our_graph(case: Case) -> tuple[Step, Step]:
    """The whole step is one graph, the write of its report included."""
    device = case.inputs.device
    optimizer = _optimizer(case)
    controls, reports = Controls(optimizer), DeviceReports()
    numbers, state = ControlsOnDevice(Rule(), device), state_on(device)
    rows = _rows()
    outgoing: deque[object] = deque(maxlen=1000)

    def part() -> StepEntry:
        optimizer.zero_grad(set_to_none=True)
        losses_B = case.losses(case.model, case.inputs, case.labels)
        weights_B, statistics = weigh_step(Rule(), losses_B, numbers.values, state)
        weighted_loss(losses_B, weights_B).backward()
        optimizer.step()
        return _entry(0, {}, statistics, losses_B.detach(), weights_B)

    _, row = next(rows)
    controls.apply(row)
    numbers.set(lam=row["lambda"], gamma=row["gamma"])
    # The ring has to be there before the capture.
    reports.submit(part())

    def part_and_report() -> tuple[StepEntry, Written]:
        entry = part()
        return entry, reports.write(entry)

    replay, (entry, written) = _captured(part, part_and_report)

    def step() -> None:
        number, row = next(rows)
        applied = controls.apply(row)
        numbers.set(lam=row["lambda"], gamma=row["gamma"])
        reports.submit_written(entry._replace(step=number, controls=applied), written, replay)
        outgoing.extend(reports.collect())

    return step, lambda: outgoing.extend(reports.drain())


def _captured(warm_up: Callable[[], object], part: Callable[[], Result]) -> tuple[Step, Result]:
    """A replay of `part`, and what it returned, whose tensors each replay writes again."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            warm_up()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = part()
    return graph.replay, result


def _rows() -> Iterator[tuple[int, dict[str, float]]]:
    """The number and the controls of each step; all of them change."""
    for step in itertools.count():
        part = step % 1000 / 1e4
        yield step, {"lambda": LAM + part, "gamma": GAMMA - part, "lr": LR * (1 - part)}


def _entry(
    step: int,
    controls: dict[str, float],
    statistics: Statistics | Tensor,
    losses_B: Tensor,
    weights_B: Tensor,
) -> StepEntry:
    return StepEntry(
        attempt=1,
        step=step,
        seconds=0.0,
        waits=0,
        controls=controls,
        statistics=statistics,
        losses_B=losses_B,
        weights_B=weights_B,
        indices_B=None,
        keep_samples=True,
        metrics=None,
    )


def _optimizer(case: Case) -> torch.optim.Optimizer:
    """AdamW. On a GPU its lr is a tensor, so that a graph follows it."""
    if not case.inputs.is_cuda:
        return torch.optim.AdamW(case.model.parameters(), lr=LR)
    lr = torch.tensor(LR, device=case.inputs.device)
    return torch.optim.AdamW(case.model.parameters(), lr=lr, capturable=True)
