"""The identity law: while lambda is off, every kind of loop trains bit for bit as without ABSGD."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.utils.checkpoint import checkpoint

from absgd_worker.attach import api
from absgd_worker.attach.errors import NotWeighable

STEPS = 4
BATCH = 32
Loss = Callable[[Tensor, Tensor], Tensor]
Outcome = tuple[list[float], Tensor]


class Net(nn.Module):
    def __init__(self, *, checkpoints: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.2))
        self.head = nn.Linear(16, 4)
        self.checkpoints = checkpoints

    def forward(self, x: Tensor) -> Tensor:
        hidden: Any = checkpoint(self.body, x, use_reentrant=False) if self.checkpoints else self.body(x)
        return self.head(hidden)


def trained(way: str, loss: Loss) -> Outcome:
    """The losses, the weights, and the next random number of a loop of this kind."""
    torch.manual_seed(0)
    torch._dynamo.reset()
    points = torch.randn(STEPS, BATCH, 6)
    labels = points[..., :4].argmax(-1)
    net = Net(checkpoints=way == "checkpointing")
    call: Any = torch.compile(net, backend="eager") if way == "compile" else net
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8, enabled=way == "scaler")
    micro = {"accumulation": 8, "one by one": 1}.get(way, BATCH)
    losses: list[float] = []
    for x_B, y_B in zip(points, labels, strict=True):
        optimizer.zero_grad()
        for x, y in zip(x_B.split(micro), y_B.split(micro), strict=True):
            context = (
                torch.autocast("cpu", torch.bfloat16) if way in ("autocast", "scaler") else nullcontext()
            )
            with context:
                found = loss(call(x), y) * (micro / BATCH)
            scaler.scale(found).backward()
            losses.append(found.item())
        scaler.step(optimizer)
        scaler.update()
    weights = torch.cat([parameter.detach().flatten() for parameter in net.parameters()])
    return losses, torch.cat([weights, torch.rand(1)])


def elements(scores: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(scores, labels, reduction="none")


def wrapped(way: str) -> Outcome:
    return trained(way, api.wrap(nn.CrossEntropyLoss()))


def weighed(way: str) -> Outcome:
    return trained(way, lambda scores, labels: api.weigh(elements(scores, labels)))


def captured(way: str) -> Outcome:
    with api.capture():
        return trained(way, F.cross_entropy)


@functools.cache
def plainly(way: str, *, is_reduced: bool) -> Outcome:
    """Trained by torch alone, whose mean of unreduced elements is rounded differently from its own mean."""
    return trained(way, F.cross_entropy if is_reduced else lambda *given: elements(*given).mean())


WAYS = ["eager", "compile", "autocast", "scaler", "accumulation", "one by one", "checkpointing"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("by", [wrapped, weighed, captured])
def test_nothing_changes_while_lambda_is_off_and_not_otherwise(
    by: Callable[[str], Outcome], way: str
) -> None:
    plain = plainly(way, is_reduced=by is not weighed)
    calls = {"accumulation": 4, "one by one": BATCH}.get(way, 1)
    for lam in (math.inf, -0.5):
        with api.session(lam=lam, accumulate=calls) as session:
            losses, weights = by(way)
        is_same = losses == plain[0] and torch.equal(weights, plain[1])
        assert is_same is math.isinf(lam)
        assert (session.step, session.captured) == (STEPS, STEPS * calls)


def in_a_checkpoint(loss: Loss) -> Loss:
    return lambda scores, labels: checkpoint(loss, scores, labels, use_reentrant=False)  # type: ignore[return-value]


def test_a_loss_inside_of_a_checkpoint_counts_once_and_is_refused_when_lambda_is_on() -> None:
    plain = trained("eager", in_a_checkpoint(F.cross_entropy))
    with api.session() as session:
        losses, weights = trained("eager", in_a_checkpoint(api.wrap(nn.CrossEntropyLoss())))
    assert losses == plain[0]
    assert torch.equal(weights, plain[1])
    assert session.captured == STEPS
    with (
        api.session(lam=-1.0),
        pytest.raises(NotWeighable, match=r"again in the backward pass.*outside of torch\.utils\.checkpoint"),
    ):
        trained("eager", in_a_checkpoint(api.wrap(nn.CrossEntropyLoss())))


def test_a_compiled_step_has_one_estimate_for_all_batch_sizes_and_forgets_earlier_batches() -> None:
    torch._dynamo.reset()
    net = Net(checkpoints=False)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    points = torch.randn(32, 6)
    step: Any = torch.compile(lambda x, y: F.cross_entropy(net(x), y), backend="aot_eager", dynamic=False)
    with api.session(lam=-1.0) as session, api.capture():
        for size in (32, 8, 4, 8):
            optimizer.zero_grad()
            x = points[:size]
            # This batch is seen, since it is not compiled; the later ones are not seen.
            (
                step(x, x[:, :4].argmax(1)) if size < 32 else F.cross_entropy(net(x), x[:, :4].argmax(1))
            ).backward()
            optimizer.step()
        assert (session.step, session.captured) == (4, 4)
        assert len(session.state_dict()["weighings"]) == 2


def test_a_graph_with_a_loss_inside_stays_whole_while_no_losses_are_wanted() -> None:
    """Of the same operations in the same order, a compiler makes the same code.

    A graph in two parts differs in the last bits.
    """
    from torch._dynamo.backends.common import aot_autograd  # noqa: PLC0415
    from torch._functorch._aot_autograd.utils import make_boxed_func  # noqa: PLC0415

    def found() -> tuple[list[list[str]], Tensor]:
        """The operations of the graphs of the forward and the backward pass, and the losses."""
        torch._dynamo.reset()
        torch.manual_seed(0)
        net = Net(checkpoints=False)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        graphs: list[list[str]] = []

        def kept(graph: fx.GraphModule, inputs: Any) -> Any:
            graphs.append([str(node.target) for node in graph.graph.nodes if node.op == "call_function"])
            return make_boxed_func(graph.forward)

        step: Any = torch.compile(
            lambda x: F.cross_entropy(net(x), x[:, :4].argmax(1)),
            backend=aot_autograd(fw_compiler=kept),
            fullgraph=True,
        )
        losses = []
        for _ in range(4):
            optimizer.zero_grad()
            loss = step(torch.randn(32, 6))
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return graphs, torch.stack(losses)

    graphs, losses = found()
    assert [len(graph) > 10 for graph in graphs] == [True, True]
    with api.session() as session, api.capture():
        own_graphs, own_losses = found()
    assert own_graphs == graphs
    assert torch.equal(own_losses, losses)
    assert session.captured == 0
