"""What one sample of a loss is, told by the models of a step and by what its scores are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.provenance.granularity import GranularityError
from recorder import Recorder

B, T, V, H = 8, 5, 30, 16


def samples(step: Callable[[], Tensor], **options: Any) -> int:
    """Of the one loss that a step weighs."""
    torch.manual_seed(0)
    source = Recorder()
    parameter = nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([parameter], lr=0.0)
    with api.session(source=source), api.capture(**options):
        (step() + 0 * parameter).backward()
        optimizer.step()
    (entry,) = source.entries
    assert entry.losses_B is not None
    return entry.losses_B.shape[0]


def body() -> nn.Module:
    return nn.Sequential(nn.Embedding(V, H), nn.Linear(H, H))


def tokens() -> Tensor:
    return torch.randint(0, V, (B, T))


class Steps(nn.Module):
    """A cell that is called for every step of time: [T, B] in, [T, B, V] out; batch first if so wished."""

    def __init__(self, is_batch_first: bool) -> None:
        super().__init__()
        self.is_batch_first = is_batch_first
        self.embedding, self.cell, self.head = nn.Embedding(V, H), nn.GRUCell(H, H), nn.Linear(H, V)

    def forward(self, x: Tensor) -> Tensor:
        dim = 1 if self.is_batch_first else 0
        h, out = torch.zeros(x.shape[1 - dim], H), []
        for step in self.embedding(x).unbind(dim):
            h = self.cell(step, h)
            out.append(self.head(h))
        return torch.stack(out, dim)


class TestASequenceIsASample:
    def test_where_features_are_as_many_as_sequences(self) -> None:
        model, x = nn.Linear(B, B), torch.randn(B, T, B)
        assert samples(lambda: F.mse_loss(model(x).view(-1, B), x.view(-1, B))) == B

    def test_where_rows_of_tokens_have_many_elements(self) -> None:
        model, x = nn.Linear(H, V), torch.randn(B, T, H)
        y = torch.rand(B * T, V).softmax(-1)

        def loss() -> Tensor:
            return F.kl_div(model(x).contiguous().view(-1, V).log_softmax(-1), y, reduction="sum")

        assert samples(loss) == B

    def test_where_a_head_is_called_on_all_tokens_by_itself(self) -> None:
        model, head, x, y = body(), nn.Linear(H, V), tokens(), tokens()
        assert samples(lambda: F.cross_entropy(head(model(x).view(-1, H)), y.view(-1))) == B

    def test_where_the_criterion_has_parameters_and_is_called_on_all_tokens(self) -> None:
        class Uncertain(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.log_var = nn.Parameter(torch.zeros(()))

            def forward(self, scores: Tensor, y: Tensor) -> Tensor:
                return (-self.log_var).exp() * F.cross_entropy(scores, y) + self.log_var

        model, criterion, x, y = nn.Sequential(body(), nn.Linear(H, V)), Uncertain(), tokens(), tokens()
        assert samples(lambda: criterion(model(x).view(-1, V), y.view(-1))) == B

    @pytest.mark.parametrize("is_batch_first", [False, True])
    def test_whose_cells_are_given_one_step_of_time_each(self, is_batch_first: bool) -> None:
        model = Steps(is_batch_first)
        x, y = (tokens(), tokens()) if is_batch_first else (tokens().t(), tokens().t())
        assert samples(lambda: F.cross_entropy(model(x).view(-1, V), y.reshape(-1))) == B

    def test_where_a_model_that_is_called_by_keywords_looks_up_places_first(self) -> None:
        class Placed(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.place, self.word, self.head = nn.Embedding(T, H), nn.Embedding(V, H), nn.Linear(H, V)

            def forward(self, *, ids: Tensor) -> Tensor:
                return self.head(self.place(torch.arange(T)) + self.word(ids))

        model, x = Placed(), tokens()
        assert samples(lambda: F.cross_entropy(model(ids=x).view(-1, V), x.view(-1))) == B

    def test_whose_three_dimensions_were_flattened(self) -> None:
        """As of the pixels of images."""
        model, images = nn.Conv2d(3, 5, 1), torch.randn(B, 3, 6, 6)
        y = torch.randint(0, 5, (B, 6, 6))

        def loss() -> Tensor:
            return F.cross_entropy(model(images).permute(0, 2, 3, 1).reshape(-1, 5), y.view(-1))

        assert samples(loss) == B

    @pytest.mark.parametrize("shape", [(1, B), (B, 1), (T, B)])
    def test_unless_time_may_come_first(self, shape: tuple[int, int]) -> None:
        class Model(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embedding, self.layer, self.head = nn.Embedding(V, H), nn.LSTM(H, H), nn.Linear(H, V)

            def forward(self, x: Tensor) -> Tensor:
                return self.head(self.layer(self.embedding(x))[0])

        model, x = Model(), torch.randint(0, V, shape)

        def loss() -> Tensor:
            return F.cross_entropy(model(x).view(-1, V), x.view(-1))

        with pytest.raises(GranularityError, match=r'batch_first=False.*"time-first"'):
            samples(loss)
        assert samples(loss, granularity="time-first") == shape[1]


class TestARowIsASample:
    def test_of_those_that_were_chosen(self) -> None:
        """The unlabelled half of a batch; the nodes of a graph that are trained on."""
        model, x, y = nn.Linear(H, V), torch.randn(B, H), torch.randint(0, V, (B,))
        mask = torch.arange(B) < 3
        assert samples(lambda: F.cross_entropy(model(x)[:5], y[:5])) == 5
        assert samples(lambda: F.cross_entropy(model(x)[mask], y[mask])) == 3
        assert samples(lambda: F.nll_loss(model(x).log_softmax(-1)[mask], y[mask])) == 3
        assert samples(lambda: F.mse_loss(model(x)[:5], torch.zeros(5, V))) == 5
        assert samples(lambda: F.mse_loss(model(x).chunk(2)[1], torch.zeros(4, V))) == 4

    def test_of_the_choices_of_a_question(self) -> None:
        """A model that is given every choice by itself, and by keywords."""

        class Choices(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.layer = nn.Linear(H, 1)

            def forward(self, *, x: Tensor) -> Tensor:
                return self.layer(x.flatten(0, 1)).view(-1, x.shape[1])

        model, x = Choices(), torch.randn(B, 4, H)
        assert samples(lambda: F.cross_entropy(model(x=x), torch.zeros(B, dtype=torch.long))) == B

    def test_of_any_batch_of_the_step(self) -> None:
        """As of a boundary and of the points within."""
        model, few, many = nn.Linear(1, 1), torch.rand(2, 1), torch.rand(50, 1)

        def loss() -> Tensor:
            at_boundary = model(few)
            return F.mse_loss(at_boundary, few) + 0 * model(many).sum()

        assert samples(loss) == 2

    def test_of_several_images_of_a_target(self) -> None:
        model, images = nn.Linear(H, V), torch.randn(B, 3, H)
        y = torch.randint(0, V, (B, 3))
        assert samples(lambda: F.cross_entropy(model(images.view(-1, H)), y.view(-1))) == 3 * B

    def test_of_images_in_a_list(self) -> None:
        class PerImage(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.layer = nn.Linear(3, 3)

            def forward(self, images: list[Tensor]) -> Tensor:
                return torch.stack([self.layer(image.mean((1, 2))) for image in images])

        model, images = PerImage(), [torch.randn(3, 8 + k, 9) for k in range(5)]
        assert samples(lambda: F.mse_loss(model(images), torch.zeros(5, 3))) == 5


class TestWhatWasPickedBelongsToItsRow:
    """As of the boxes of images, or of the tokens that a mask leaves."""

    chosen = torch.rand(B, T, generator=torch.Generator().manual_seed(3)) > 0.5
    held = int(chosen.any(1).sum())

    def test_by_a_mask(self) -> None:
        model, x = nn.Linear(H, V), torch.randn(B, T, H)
        y = torch.randint(0, V, (B, T))
        assert samples(lambda: F.cross_entropy(model(x)[self.chosen], y[self.chosen])) == self.held

    def test_with_several_elements_each(self) -> None:
        model, x = nn.Linear(H, B), torch.randn(B, T, H)
        y = torch.ones(int(self.chosen.sum()), B)
        scores = F.binary_cross_entropy_with_logits
        assert samples(lambda: scores(model(x)[self.chosen], y)) == self.held

    def test_by_indices(self) -> None:
        model, x = nn.Linear(H, V), torch.randn(B, T, H)
        rows, columns = self.chosen.nonzero(as_tuple=True)
        y = torch.randint(0, V, rows.shape)
        assert samples(lambda: F.cross_entropy(model(x)[rows, columns].log_softmax(-1), y)) == self.held

    def test_but_where_time_may_come_first_or_the_rows_are_no_batch(self) -> None:
        recurrent, model = nn.LSTM(H, V), nn.Linear(H, V)
        x, y = torch.randn(B, T, H), torch.randint(0, V, (B, T))

        def by_time() -> Tensor:
            return F.cross_entropy(recurrent(x)[0][self.chosen], y[self.chosen])

        def of_boxes() -> Tensor:
            rows = model(x).view(B * T // 4, 4, V)
            chosen = torch.rand(rows.shape[:2]) > 0.5
            return F.cross_entropy(rows[chosen], torch.zeros(int(chosen.sum()), dtype=torch.long))

        for loss in (by_time, of_boxes):
            with pytest.raises(GranularityError, match="what is one sample"):
                samples(loss)

    def test_where_no_model_is_called(self) -> None:
        scores = torch.randn(B, T, V, requires_grad=True)
        y = torch.randint(0, V, (B, T))
        assert samples(lambda: F.cross_entropy((scores * 2)[self.chosen], y[self.chosen])) == self.held


def test_columns_that_are_as_many_as_the_batch_are_not_taken_for_samples() -> None:
    model, x = nn.Linear(H, B), torch.randn(B, H)

    def half() -> Tensor:
        scores = model(x).softmax(1)
        return F.mse_loss(scores[: B // 2] * 1, scores[B // 2 :].detach())

    with pytest.raises(GranularityError, match="what is one sample"):
        samples(half)


def test_a_target_that_is_one_number_for_all_tells_nothing_and_harms_nothing() -> None:
    model, x, real = nn.Linear(H, 1), torch.randn(B, H), torch.tensor(1.0)

    def loss() -> Tensor:
        scores = model(x)
        return F.binary_cross_entropy_with_logits(scores, real.expand_as(scores))

    assert samples(loss) == B


def test_a_cell_that_is_called_by_keywords_tells_nothing_and_harms_nothing() -> None:
    class Keyed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.GRUCell(H, H)

        def forward(self, x: Tensor) -> Tensor:
            return self.cell(input=x)

    model, x = Keyed(), torch.randn(B, H)
    assert samples(lambda: F.mse_loss(model(x), x)) == B


def test_scores_whose_graph_is_gone_may_be_looked_at_once_more() -> None:
    model, x = nn.Linear(H, V), torch.randn(B, T, H)
    chosen, y = torch.rand(B, T) > 0.5, torch.randint(0, V, (B, T))
    with api.session(), api.capture():
        scores = model(x)[chosen]
        F.cross_entropy(scores, y[chosen]).backward()
        assert F.cross_entropy(scores, y[chosen]).isfinite()
