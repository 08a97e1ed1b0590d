"""The snippets of docs/integrate.md run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from absgd_worker.attach import api
from absgd_worker.attach.session.current import leave_implicit
from project import DOCS

TEXT = (DOCS / "integrate.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python *([a-z-]*)\n(.*?)```", TEXT, re.DOTALL)
DIFFS = re.findall(r"```diff\n(.*?)```", TEXT, re.DOTALL)
SNIPPETS += [
    ("", "".join(line[1:] for line in diff.splitlines(keepends=True) if not line.startswith("-")))
    for diff in DIFFS
]


def of_a_loop(folder: Path) -> dict[str, Any]:
    model = nn.Linear(4, 3)
    images, labels = torch.randn(48, 4), torch.arange(48) % 3
    return {
        "torch": torch,
        "nn": nn,
        "folder": folder,
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "data": TensorDataset(images, labels),
        "DataLoader": DataLoader,
        "loader": DataLoader(TensorDataset(images, labels), batch_size=8),
        "class_weights": torch.tensor([1.0, 2.0, 3.0]),
        "my_loss": lambda logits, labels: F.cross_entropy(logits, labels, reduction="none"),
        "session_of_yesterday": None,
    }


def of_hugging_face(folder: Path) -> dict[str, Any]:
    transformers = pytest.importorskip("transformers")
    from small_trainer import Sentences, classifier  # noqa: PLC0415

    arguments = transformers.TrainingArguments(
        str(folder), max_steps=6, save_strategy="no", report_to=[], disable_tqdm=True, use_cpu=True
    )
    return {
        "Trainer": transformers.Trainer,
        "arguments": arguments,
        "model": classifier(),
        "data": Sentences(),
    }


def of_lightning(folder: Path) -> dict[str, Any]:
    lightning = pytest.importorskip("lightning")
    from lightning_fit import Classifier  # noqa: PLC0415

    data = TensorDataset(torch.randn(48, 6), torch.arange(48) % 3)
    options = {"accelerator": "cpu", "logger": False, "default_root_dir": folder}
    quiet = {"enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    return {
        "L": lightning,
        "module": Classifier(),
        "loader": DataLoader(data, batch_size=8),
        "options": {**options, **quiet},
    }


def of_accelerate(folder: Path) -> dict[str, Any]:
    accelerate = pytest.importorskip("accelerate")
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    return {**of_a_loop(folder), "Accelerator": accelerate.Accelerator}


SCOPES = {
    "": of_a_loop,
    "hugging-face": of_hugging_face,
    "lightning": of_lightning,
    "accelerate": of_accelerate,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_a_snippet_trains_what_it_says(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    kind, code = SNIPPETS[number]
    scope = SCOPES[kind](tmp_path)
    sessions: list[api.Session] = []
    begin = api.Session.open

    def opened(session: api.Session) -> None:
        sessions.append(session)
        begin(session)

    monkeypatch.setattr(api.Session, "open", opened)
    exec("import absgd_worker as absgd\n", scope)
    if "nn" in scope:
        exec("criterion = absgd.wrap(nn.CrossEntropyLoss())\n", scope)
    exec(code, scope)
    leave_implicit()
    assert [(session.step, session.captured) for session in sessions] == [(6, 6)]
    for session in sessions:
        if session.on_checkpoint is not None and session.on_evaluate is not None:
            session.on_checkpoint()
            assert (tmp_path / "saved.pt").exists()
            assert session.on_evaluate()


def test_there_are_snippets_of_every_framework() -> None:
    assert {kind for kind, _ in SNIPPETS} == set(SCOPES)
    assert len(SNIPPETS) >= 11
    assert len(DIFFS) == 1
