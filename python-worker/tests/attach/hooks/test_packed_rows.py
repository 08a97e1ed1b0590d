"""Rows of several documents are seen by the positions that a model is given, and are no samples."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.hooks.packed_rows import PackedRows, begins_anew
from absgd_worker.attach.provenance.granularity import Granularity, GranularityError

TOKENS = torch.randint(8, (2, 6), generator=torch.Generator().manual_seed(0))
PACKED = torch.tensor([[0, 1, 2, 0, 1, 2], [0, 1, 0, 1, 2, 3]])
PLAIN = torch.arange(6).repeat(2, 1)


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([[0, 1, 2, 3, 4, 5]], False),
        ([[0, 1, 2, 0, 1, 2]], True),
        ([[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 0, 1]], True),
        ([[2, 3, 4, 2, 3, 4]], True),
        # Padding, on either side, as it is usually filled.
        ([[0, 1, 2, 3, 1, 1]], False),
        ([[0, 1, 2, 3, 0, 0]], False),
        ([[1, 1, 1, 0, 1, 2]], False),
        ([[0, 0, 0, 1, 2, 3]], False),
        ([[0, 1]], False),
    ],
)
def test_positions_that_begin_anew_are_told_from_padding(positions: list[list[int]], expected: bool) -> None:
    assert begins_anew(torch.tensor(positions)) is expected


def test_boundaries_of_documents_are_known_by_their_keywords() -> None:
    rows = PackedRows()
    rows.look({"seq_idx": None, "attention_mask": torch.ones(2, 6), "position_ids": PLAIN})
    assert not rows.found
    rows.look({"cu_seq_lens_q": torch.tensor([0, 3, 6])})
    assert rows.found


class Model(nn.Module):
    """A language model that is called by keywords, and computes its loss itself if it is given labels."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Body()
        self.head = nn.Linear(4, 8)

    def forward(self, input_ids: Tensor, position_ids: Tensor, labels: Tensor | None = None) -> Any:
        scores = self.head(self.body(input_ids=input_ids, position_ids=position_ids))
        return scores if labels is None else F.cross_entropy(scores.flatten(0, 1), labels.flatten())


class Body(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(8, 4), nn.Embedding(6, 4)

    def forward(self, input_ids: Tensor, position_ids: Tensor) -> Tensor:
        return self.tokens(input_ids) + self.places(position_ids)


def train(
    positions: Tensor, *, lam: Any, inside: bool, granularity: Granularity = "auto", steps: int = 2
) -> None:
    torch.manual_seed(0)
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with api.session(lam=lam), api.capture(granularity=granularity):
        for _ in range(steps):
            optimizer.zero_grad()
            if inside:
                loss = model(input_ids=TOKENS, position_ids=positions, labels=TOKENS)
            else:
                scores = model(input_ids=TOKENS, position_ids=positions)
                loss = F.cross_entropy(scores.flatten(0, 1), TOKENS.flatten())
            loss.backward()
            optimizer.step()


@pytest.mark.parametrize("inside", [False, True])
def test_packed_rows_are_refused_unless_tokens_are_weighed(inside: bool) -> None:
    with pytest.raises(GranularityError, match="a row holds several documents"):
        train(PACKED, lam=-1.0, inside=inside)
    train(PACKED, lam=-1.0, inside=inside, granularity="token")
    train(PLAIN, lam=-1.0, inside=inside)


def test_with_lambda_off_packed_rows_are_said_and_train_on(capsys: pytest.CaptureFixture[str]) -> None:
    train(PACKED, lam=lambda step: math.inf if step < 500 else -1.0, inside=True, steps=30)
    assert "a row holds several documents" in capsys.readouterr().err


def test_documents_are_weighed_by_their_group() -> None:
    model = Model()
    with api.session(lam=-1.0):
        scores = model(input_ids=TOKENS, position_ids=PACKED)
        losses = F.cross_entropy(scores.flatten(0, 1), TOKENS.flatten(), reduction="none")
        documents = (PACKED == 0).flatten().cumsum(0) - 1
        loss = api.weigh(losses, group=documents)
        loss.backward()
    assert documents.max() == 3
    assert not torch.isclose(loss, losses.mean())
