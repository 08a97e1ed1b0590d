"""The samples of losses are tracked through the operations of a script until the reduction."""

from __future__ import annotations

import gc
import random
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from absgd_worker.attach import api
from absgd_worker.attach.provenance.granularity import GranularityError
from recorder import Recorder, a_model
from unreduced_losses import B, Made, factors, labels, points, weighed


class TestOrder:
    """Elements keep their samples when a script moves them."""

    @pytest.mark.parametrize(
        "made",
        [
            lambda one: one.sort(descending=True)[0],
            lambda one: one.flip(0),
            lambda one: one[torch.randperm(B, generator=torch.Generator().manual_seed(1))],
            lambda one: torch.stack(list(one)),
            lambda one: torch.cat(one.split(3)),
            lambda one: one.topk(B).values,
        ],
    )
    def test_is_followed_for_what_is_reported_and_for_class_weights(self, made: Made) -> None:
        model, _ = a_model()
        weights = torch.tensor([0.2, 1.0, 3.0, 2.0])
        plain = F.cross_entropy(model(points), labels, reduction="none").detach()
        source = Recorder(gamma=1.0)
        with api.session(source=source), api.capture():
            optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
            for (batch,) in api.track(DataLoader(TensorDataset(points), batch_size=B)):
                losses = F.cross_entropy(model(batch), labels, weight=weights, reduction="none")
                made(losses).mean().backward()
                optimizer.step()
        (entry,) = source.entries
        assert entry.indices_B is not None
        assert entry.labels_B is not None
        assert entry.losses_B is not None
        assert sorted(entry.indices_B.tolist()) == list(range(B))
        assert torch.allclose(entry.losses_B, plain[entry.indices_B])
        assert torch.equal(entry.labels_B, labels[entry.indices_B])

    def test_of_a_square_that_is_turned(self) -> None:
        model, _ = a_model()
        x, y = torch.randn(B, B, 4), torch.randn(B, B, 4)

        def loss() -> Tensor:
            return F.mse_loss(model(x), y, reduction="none").mean(-1)

        assert torch.allclose(weighed(lambda: loss().t().mean())[1], loss().detach().mean(1))


class TestAMask:
    kept = torch.tensor([1.0, 0, 1, 1, 0, 1, 0, 1])

    def in_place(self, losses: Tensor) -> Tensor:
        losses *= self.kept
        return losses

    def assigned(self, losses: Tensor) -> Tensor:
        losses[self.kept == 0] = 0
        return losses

    @pytest.mark.parametrize("way", ["times", "in_place", "assigned", "filled", "where", "squeezed"])
    def test_leaves_out_what_it_makes_0(self, way: str) -> None:
        model, _ = a_model()
        ways: dict[str, Made] = {
            "times": lambda one: one * self.kept,
            "in_place": self.in_place,
            "assigned": self.assigned,
            "filled": lambda one: one.masked_fill(self.kept == 0, 0.0),
            "where": lambda one: torch.where(self.kept > 0, one, 0.0),
            "squeezed": lambda one: one.view(B, 1).squeeze(1)[:7] * self.kept[:7],
        }
        plain = F.cross_entropy(model(points), labels, reduction="none").detach()

        def loss() -> Tensor:
            return ways[way](F.cross_entropy(model(points), labels, reduction="none") * 1.0).mean()

        losses = weighed(loss)[1]
        kept = self.kept[:7] if way == "squeezed" else self.kept
        assert torch.allclose(losses, plain[: len(kept)][kept > 0])

    def test_after_another_leaves_out_what_either_makes_0(self) -> None:
        model, _ = a_model()
        other = self.kept.flip(0)

        def loss() -> Tensor:
            return (F.cross_entropy(model(points), labels, reduction="none") * self.kept * other).mean()

        assert weighed(loss)[1].shape[0] == int((self.kept * other).sum())

    def test_of_all_of_a_sample_leaves_the_sample_out(self) -> None:
        model, _ = a_model()
        one_out = torch.ones(B, 4)
        one_out[2] = 0

        def loss() -> Tensor:
            return (F.mse_loss(model(points), points, reduction="none") * one_out).sum(1).mean()

        assert weighed(loss)[1].shape[0] == B - 1

    def test_is_none_where_a_factor_is_trained(self) -> None:
        """The factor of a focal loss is 0 for samples that are almost right."""
        model, _ = a_model()

        def loss() -> Tensor:
            scores = model(points)
            return (F.mse_loss(scores, points, reduction="none").mean(1) * scores[:, 0].relu()).mean()

        losses = weighed(loss)[1]
        assert losses.shape[0] == B
        assert bool((losses == 0).any())


class TestASum:
    def test_of_two_losses_of_a_sample_is_its_loss(self) -> None:
        model, _ = a_model()
        weights = torch.tensor([0.2, 1.0, 3.0, 2.0])

        def both() -> Tensor:
            scores = model(points)
            weighted = F.cross_entropy(scores, labels, weight=weights, reduction="none")
            return weighted + F.mse_loss(scores, points, reduction="none").mean(1)

        expected = both().detach()
        source = Recorder(gamma=1.0)
        with api.session(source=source), api.capture():
            optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
            both().mean().backward()
            optimizer.step()
        assert source.entries[0].losses_B is not None
        assert torch.allclose(source.entries[0].losses_B, expected)

    @pytest.mark.parametrize(
        "mixed",
        [
            lambda one: one[:4] + one[4:],
            lambda one: torch.ones(3, B) @ one,
            lambda one: torch.eye(B) @ one,
            lambda one: one.cumsum(0),
        ],
    )
    def test_of_several_samples_is_refused(self, mixed: Made) -> None:
        model, _ = a_model()
        with pytest.raises(GranularityError, match="does not tell their samples"):
            weighed(lambda: mixed(F.cross_entropy(model(points), labels, reduction="none")).mean())

    def test_of_calls_that_one_pass_goes_through_moves_an_estimate_of_each(self) -> None:
        def state(*parts: Tensor) -> list[object]:
            model, _ = a_model()
            with api.session(lam=-1.0, gamma=0.5) as session, api.capture():
                total = sum(F.mse_loss(model(part), part) for part in parts)
                total.backward()  # type: ignore[union-attr]
                torch.optim.SGD(model.parameters(), lr=0.0).step()
                return [one["normaliser"] for one in session.state_dict()["weighings"].values()]

        first, second = points.split(4)
        assert state(first, second) == [*state(first), *state(second)]


class TestWhileLambdaIsOff:
    """Tracking does not change the results of a script."""

    def test_its_hooks_run_as_often_as_without_us(self) -> None:
        calls: list[int] = []

        def loop() -> None:
            model, optimizer = a_model()
            for _ in range(3):
                losses = F.mse_loss(model(points), points, reduction="none")
                losses.register_hook(lambda _: calls.append(1))
                losses.t().sum(0).mean().backward()
                optimizer.step()

        loop()
        plain = len(calls)
        with api.session(), api.capture():
            loop()
        assert len(calls) == 2 * plain

    def test_nothing_is_kept_of_losses_without_a_backward_pass(self) -> None:
        model, _ = a_model()
        alive: list[weakref.ref[Tensor]] = []
        with api.session(), api.capture():

            def forward() -> None:
                hidden = model(points)
                alive.append(weakref.ref(hidden))
                F.mse_loss(hidden, points, reduction="none").mean(1).mean()

            for _ in range(20):
                forward()
            gc.collect()
        assert sum(one() is not None for one in alive) <= 1

    @pytest.mark.parametrize(
        "loss",
        [
            lambda losses: sum(losses[labels == label].sum() for label in (0, 17)),
            lambda losses: losses[labels > 17].view(0, 1).sum(1).sum() + losses.sum(),
            lambda losses: losses.as_strided((2, 4), (4, 1)).mean(),
        ],
    )
    def test_what_is_empty_or_unknown_is_what_it_was(self, loss: Made) -> None:
        model, _ = a_model()

        def computed() -> Tensor:
            return loss(F.cross_entropy(model(points), labels, reduction="none"))

        with api.session(), api.capture():
            assert torch.equal(computed(), computed())
            found = computed()
        assert torch.equal(found, computed())


@pytest.mark.parametrize("seed", range(40))
def test_any_operations_from_elements_to_one_number_weigh_the_right_samples(seed: int) -> None:
    draw = random.Random(seed)
    generator = torch.Generator().manual_seed(seed)
    shape = (draw.choice([2, 3, 5]), draw.choice([1, 4, 6]), draw.choice([1, 3, 7]))
    model = nn.Linear(3, shape[2])
    x, y = torch.randn(*shape[:2], 3, generator=generator), torch.randn(shape, generator=generator)

    def elements() -> Tensor:
        return F.mse_loss(model(x), y, reduction="none")

    value = elements().detach()
    sample = torch.arange(shape[0])[:, None, None].expand(shape)
    ways: list[Made] = []
    for _ in range(draw.randint(1, 4)):
        dim = draw.randrange(value.ndim)
        picked = torch.randperm(value.shape[dim], generator=generator)[: max(1, value.shape[dim] - 1)]
        kept = torch.rand(value.shape, generator=generator) > 0.3
        kept.view(-1)[0] = True
        way: Made = draw.choice(
            [
                lambda one, dim=dim: one.transpose(dim, 0),
                lambda one, dim=dim: one.flip(dim),
                lambda one: one.reshape(-1),
                lambda one, dim=dim, picked=picked: one.index_select(dim, picked),
                lambda one, kept=kept: one[kept],
            ]
        )
        value, sample = way(value), way(sample)
        ways.append(way)

    def loss() -> Tensor:
        made = elements()
        for way in ways:
            made = way(made)
        return made.mean()

    total, losses = weighed(loss)
    held = sample.unique()
    if len(held) == sample.numel():
        # Each value is a sample, and the order stays.
        held = sample.reshape(-1)
    expected = torch.stack([value[sample == one].mean() for one in held])
    assert torch.allclose(losses, expected, rtol=1e-5)
    each = torch.zeros(shape[0])
    each[held] = factors(losses)
    assert total == pytest.approx((value * each[sample]).mean().item(), rel=1e-4)
