"""The snippets of docs/integrate.md run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from absgd_worker.attach import api

TEXT = (Path(__file__).parents[2] / "docs" / "integrate.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_a_snippet_trains_what_it_says(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    data = TensorDataset(torch.randn(48, 4), torch.arange(48) % 3)
    sessions: list[api.Session] = []
    begin = api.Session.open

    def opened(session: api.Session) -> None:
        sessions.append(session)
        begin(session)

    monkeypatch.setattr(api.Session, "open", opened)
    scope = {
        "nn": nn,
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "loader": DataLoader(data, batch_size=8),
        "class_weights": torch.tensor([1.0, 2.0, 3.0]),
        "my_loss": lambda logits, labels: F.cross_entropy(logits, labels, reduction="none"),
    }
    exec(
        "import absgd_worker as absgd\ncriterion = absgd.wrap(nn.CrossEntropyLoss())\n" + SNIPPETS[number],
        scope,
    )
    assert [(session.step, session.captured) for session in sessions] == [(6, 6)]


def test_there_are_snippets() -> None:
    assert len(SNIPPETS) >= 4
