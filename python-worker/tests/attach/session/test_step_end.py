"""What an operator asks for is done where the loop is whole: what is saved there goes on as if unbroken."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.source.source import StopTraining
from recorder import Recorder, labels, points

ITERATIONS = 6
FEATURES = (
    *("accumulates", "scales", "two optimizers", "takes turns", "leaves the second", "zeroes after"),
    *("validates", "autocast"),
)


class Loop:
    """A loop as people write it, with everything that may belong to a step; parts of it by their names."""

    def __init__(self, features: set[str], order: list[str]) -> None:
        torch.manual_seed(0)
        self.features, self.order = features, order
        self.model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 4))
        self.critic = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
        parts = [self.model[:2], self.model[2:]] if "two optimizers" in features else [self.model]
        self.optimizers = [torch.optim.SGD(part.parameters(), lr=0.2, momentum=0.9) for part in parts]
        if "takes turns" in features:
            self.optimizers.append(torch.optim.SGD(self.critic.parameters(), lr=0.1))
        self.schedulers = [torch.optim.lr_scheduler.StepLR(one, 2, 0.5) for one in self.optimizers]
        self.average = torch.optim.swa_utils.AveragedModel(self.model)
        self.scaler = torch.amp.GradScaler(
            "cpu", init_scale=4.0, growth_interval=2, enabled="scales" in features
        )
        self.criterion = api.wrap(nn.CrossEntropyLoss())
        self.count = 0

    def state(self) -> dict[str, Any]:
        keepers = [self.model, self.critic, *self.optimizers, *self.schedulers, self.average, self.scaler]
        return copy.deepcopy(
            {"keepers": [one.state_dict() for one in keepers], "count": self.count}  # type: ignore[attr-defined]
        )

    def load(self, state: dict[str, Any]) -> None:
        keepers = [self.model, self.critic, *self.optimizers, *self.schedulers, self.average, self.scaler]
        for one, own in zip(keepers, copy.deepcopy(state["keepers"]), strict=True):
            one.load_state_dict(own)  # type: ignore[attr-defined]
        self.count = state["count"]

    def iterate(self) -> None:
        torch.manual_seed(self.count)
        batch = torch.randperm(64)[:16]
        turns = [self.optimizers]
        if "takes turns" in self.features:
            turns = [self.optimizers[:-1], self.optimizers[-1:]]
        for number, optimizers in enumerate(turns):
            self.backward(batch, by_critic=number == 1)
            for one in optimizers:
                self.scaler.step(one)
            if number == len(turns) - 1:
                self.scaler.update()
        for what in self.order:
            self.conclude(what)
        if "validates" in self.features and self.count % 2 == 0:
            # Without `no_grad`, as it happens.
            self.model.eval()
            self.criterion(self.model(points), labels).item()
            self.model.train()

    def backward(self, batch: Tensor, *, by_critic: bool) -> None:
        if "zeroes after" not in self.features:
            self.zero()
        for part in batch.split(8 if "accumulates" in self.features else 16):
            with torch.autocast("cpu", torch.bfloat16, enabled="autocast" in self.features):
                scores = self.critic(points[part]) if by_critic else self.model(points[part])
                is_left = by_critic and "leaves the second" in self.features
                # A loss without samples, which nobody weighs.
                loss = scores.square().mean() if is_left else self.criterion(scores.float(), labels[part])
            self.scaler.scale(loss).backward()

    def conclude(self, what: str) -> None:
        if what == "zero":
            self.zero()
        elif what == "schedule":
            for one in self.schedulers:
                one.step()
        elif what == "average":
            self.average.update_parameters(self.model)
        else:
            self.count += 1

    def zero(self) -> None:
        for one in self.optimizers:
            one.zero_grad()


class Operator(Recorder):
    """Has the loop saved and the model evaluated, once, from the step on that is asked for."""

    def __init__(self, loop: Loop, step: int) -> None:
        super().__init__()
        self.loop, self.asked = loop, step
        self.saved: dict[str, Any] | None = None

    def process_commands(self, step: int) -> None:
        if step >= self.asked and self.saved is None:
            self.saved = {"loop": self.loop.state(), "session": api.current().state_dict()}
            self.loop.model.eval()
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                self.loop.model(points)
            self.loop.model.train()


class Looks(Recorder):
    """Keeps at which steps it is asked, and what `look` gives there."""

    def __init__(self, look: Callable[[], int] = lambda: 0) -> None:
        super().__init__()
        self.seen: list[tuple[int, int]] = []
        self.look = look

    def process_commands(self, step: int) -> None:
        self.seen.append((step, self.look()))

    @property
    def steps(self) -> list[int]:
        return [step for step, _ in self.seen]


def ended(loop: Loop, session: api.Session) -> list[Any]:
    """Every number of the loop and of the session at its end, but for the lines that call the loop."""
    state = {name: value for name, value in session.state_dict().items() if name != "names"}
    return _flat([loop.state(), state])


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [one for each in value.values() for one in _flat(each)]
    if isinstance(value, (list, tuple)):
        return [one for each in value for one in _flat(each)]
    return value.flatten().tolist() if isinstance(value, Tensor) else [value]


@pytest.mark.parametrize("seed", range(24))
def test_what_is_saved_when_asked_for_goes_on_as_the_unbroken_loop(seed: int) -> None:
    draw = random.Random(seed)
    features = {one for one in FEATURES if draw.random() < 0.4} | {FEATURES[seed % len(FEATURES)]}
    # With turns, after both of them: in the first iteration nobody knows of the second optimizer yet.
    has_two = "takes turns" in features and "leaves the second" not in features
    steps = ITERATIONS * (2 if has_two else 1)
    asked = draw.randint(2, steps)
    order = ["schedule", "average", "count", "zero"]
    draw.shuffle(order)

    plain = Loop(features, order)
    with api.session(source=Recorder()) as session:
        while plain.count < ITERATIONS:
            plain.iterate()
    right = ended(plain, session)

    whole = Loop(features, order)
    operator = Operator(whole, asked)
    with api.session(source=operator) as session:
        while whole.count < ITERATIONS:
            whole.iterate()
    assert ended(whole, session) == right
    assert operator.saved is not None

    resumed = Loop(features, order)
    resumed.load(operator.saved["loop"])
    with api.session(source=Recorder()) as session:
        session.load_state_dict(operator.saved["session"])
        while resumed.count < ITERATIONS:
            resumed.iterate()
    assert ended(resumed, session) == right


@pytest.mark.parametrize("kind", ["closure", "no module"])
def test_a_loop_without_a_forward_pass_of_a_module_is_whole_at_its_next_loss(kind: str) -> None:
    weight = torch.zeros(4, 4, requires_grad=True)
    scheduled: list[int] = []
    has_closure = kind == "closure"
    optimizer: Any = torch.optim.LBFGS([weight]) if has_closure else torch.optim.SGD([weight])
    criterion = api.wrap(nn.CrossEntropyLoss())

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = criterion(points @ weight, labels)
        loss.backward()
        return loss

    source = Looks(lambda: len(scheduled))
    with api.session(source=source):
        for _ in range(3):
            if has_closure:
                optimizer.step(closure)
            else:
                closure()
                optimizer.step()
            scheduled.append(1)
    assert source.seen == [(1, 1), (2, 2), (3, 3)]


def test_it_is_done_outside_of_the_autocast_of_the_next_forward_pass() -> None:
    loop = Loop({"autocast"}, ["count"])
    source = Looks(lambda: int(torch.is_autocast_enabled("cpu")))
    with api.session(source=source):
        for _ in range(2):
            loop.iterate()
            with torch.autocast("cpu", torch.bfloat16):
                loop.model(points)
                assert torch.is_autocast_enabled("cpu")
                assert torch.mm(points, points.T).dtype == torch.bfloat16
    assert source.seen == [(1, 0), (2, 0)]


def test_a_loop_that_is_stopped_has_done_its_step_whole() -> None:
    loop = Loop(set(), ["schedule", "average", "count"])

    class Stopper(Recorder):
        def process_commands(self, step: int) -> StopTraining | None:
            return StopTraining("asked for") if step == 3 else None

    with pytest.raises(StopTraining), api.session(source=Stopper()) as session:  # noqa: PT012 - it stops
        while True:
            loop.iterate()
    assert (session.step, loop.count) == (3, 3)
    assert [one.last_epoch for one in loop.schedulers] == [3]
    # Not a batch of the next step has been through it.
    assert loop.model[1].num_batches_tracked == 3


def test_an_optimizer_that_steps_no_more_is_not_waited_for() -> None:
    loop = Loop({"takes turns"}, ["count"])

    source = Looks()
    with api.session(source=source):
        for _ in range(3):
            loop.iterate()
        loop.features = set()
        loop.optimizers.pop(0)
        kept = loop.optimizers
        loop.optimizers = [torch.optim.SGD(loop.model.parameters(), lr=0.1)]
        for _ in range(40):
            loop.iterate()
    assert kept
    assert source.steps[:3] == [1, 2, 4]
    assert source.steps[-1] == 46


def test_a_loss_that_ends_the_script_asks_for_nothing_more() -> None:
    """What is half done when an error comes is not saved."""
    loop = Loop(set(), ["count"])

    source = Looks()
    with pytest.raises(ZeroDivisionError), api.session(source=source):  # noqa: PT012 - where it ends
        loop.iterate()
        loop.iterate()
        raise ZeroDivisionError
    assert source.steps == [1]
