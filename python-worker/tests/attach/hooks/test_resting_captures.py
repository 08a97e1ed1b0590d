"""A capture is on the stack of torch only while it follows losses, and misses none for that."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torch.overrides
from torch import Tensor, nn
from torch.overrides import BaseTorchFunctionMode, TorchFunctionMode

from absgd_worker.attach import api
from absgd_worker.attach.provenance.functional_losses import LOSSES
from recorder import Recorder

bound_before = F.cross_entropy
partial_before = functools.partial(F.cross_entropy, label_smoothing=0.1)
x, y = torch.randn(16, 4, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 3


def stack() -> list[TorchFunctionMode]:
    return torch.overrides._get_current_function_mode_stack()


class Watching(nn.Linear):
    """Keeps the modes that are on the stack in its forward pass."""

    def __init__(self) -> None:
        super().__init__(4, 3)
        self.stacks: list[list[TorchFunctionMode]] = []

    def forward(self, input: Tensor) -> Tensor:
        self.stacks.append(stack())
        return super().forward(input)


@pytest.fixture
def model() -> Watching:
    torch.manual_seed(0)
    return Watching()


@pytest.fixture
def source() -> Iterator[Recorder]:
    """Lambda is on; a capture is active, and rests since its first loss."""
    source, first = Recorder(), nn.Linear(4, 3)
    with api.session(source=source), api.capture():
        F.cross_entropy(first(x), y).backward()
        torch.optim.SGD(first.parameters(), lr=0.1).step()
        assert stack() == []
        yield source


def weighed(source: Recorder) -> int:
    return sum(float(entry.weights_B.std()) > 0 for entry in source.entries)


@pytest.mark.parametrize("loss", [F.cross_entropy, nn.CrossEntropyLoss(), bound_before, partial_before])
def test_no_mode_is_on_the_stack_in_a_forward_pass_and_every_loss_is_weighed(
    model: Watching, loss: Callable[..., Tensor]
) -> None:
    optimizer, source = torch.optim.SGD(model.parameters(), lr=0.1), Recorder()
    with api.session(source=source), api.capture():
        for _ in range(4):
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()
    assert model.stacks == [[], [], [], []]
    assert weighed(source) == 4


def test_operations_are_seen_while_there_is_a_loss_without_reduction(
    source: Recorder, model: Watching
) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = F.cross_entropy(model(x), y, reduction="none")
    assert len(stack()) == 1
    losses[:8].mean().backward()
    del losses
    optimizer.step()
    assert stack() == []
    assert [entry.losses_B.shape[0] for entry in source.entries] == [16, 8]


def test_the_losses_of_torch_stay_the_same_functions() -> None:
    codes = {loss: loss.__code__ for loss in LOSSES}
    signatures = {loss: inspect.signature(loss) for loss in LOSSES}
    sources = {loss: inspect.getsource(loss) for loss in LOSSES}
    names = set(vars(F))
    with api.session(), api.capture():
        assert F.cross_entropy is bound_before
        assert F.cross_entropy.__code__ is not codes[F.cross_entropy]
        assert {loss: inspect.signature(loss) for loss in LOSSES} == signatures
        assert {loss: inspect.getsource(loss) for loss in LOSSES} == sources
        with api.capture():
            pass
        assert F.cross_entropy.__code__ is not codes[F.cross_entropy]
    assert {loss: loss.__code__ for loss in LOSSES} == codes
    assert set(vars(F)) == names


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_a_function_with_a_loss_is_scripted_as_without_a_capture(source: Recorder) -> None:
    def loss(scores: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(scores, target)

    scores = torch.randn(16, 3)
    assert torch.equal(torch.jit.script(loss)(scores, y), F.cross_entropy(scores, y))


def test_a_mode_that_begins_while_a_capture_rests_is_above_it(source: Recorder, model: Watching) -> None:
    seen: list[str] = []

    class Noting(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(func.__name__)
            return func(*args, **(kwargs or {}))

    noting = Noting()
    with noting:
        losses = F.cross_entropy(model(x), y, reduction="none")
        assert stack()[1:] == [noting]
        losses.mean().backward()
        del losses
        torch.optim.SGD(model.parameters(), lr=0.1).step()
        assert stack() == [noting]
    assert stack() == []
    assert "cross_entropy" in seen
    assert weighed(source) == 2


def test_a_default_device_that_is_set_while_a_capture_rests_ends_as_it_began(
    source: Recorder, model: Watching
) -> None:
    torch.set_default_device("meta")
    try:
        losses = F.cross_entropy(model(x), y, reduction="none")
        assert torch.zeros(1).is_meta
        assert len(stack()) == 2
    finally:
        torch.set_default_device(None)
    assert len(stack()) == 1
    losses.mean().backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    assert weighed(source) == 2


def test_a_loss_is_seen_in_a_function_that_is_compiled_while_a_capture_rests(
    source: Recorder, model: Watching
) -> None:
    weight = nn.Parameter(torch.randn(3, 4))

    def loss(given: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(given @ weight.T, target)

    torch.compile(loss, backend="eager")(x, y).backward()
    torch.optim.SGD([weight], lr=0.1).step()
    assert weighed(source) == 2


def test_an_outer_mode_does_not_hide_losses(model: Watching) -> None:
    optimizer, source = torch.optim.SGD(model.parameters(), lr=0.1), Recorder()
    outside = BaseTorchFunctionMode()
    with outside, api.session(source=source), api.capture():
        for _ in range(3):
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            assert stack() == [outside]
    assert weighed(source) == 3
