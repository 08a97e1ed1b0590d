"""Tracked loaders in the frameworks' own loops, which fetch batches ahead."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from absgd_worker.attach import api
from absgd_worker.link.step_entry import StepEntry
from recorder import Recorder

pytestmark = pytest.mark.filterwarnings("ignore")


def require_right(entries: list[StepEntry], plain: Tensor, count: int) -> None:
    """Every one of `count` samples was recorded, with its own loss."""
    seen: set[int] = set()
    for entry in entries:
        assert entry.indices_B is not None
        assert entry.losses_B is not None
        assert torch.allclose(entry.losses_B, plain[entry.indices_B], atol=1e-5)
        seen |= set(entry.indices_B.tolist())
    assert len(seen) == count


@pytest.mark.parametrize(
    ("kind", "accumulation"),
    [("classifier", 1), ("classifier", 3), ("language model", 2), ("language model", 3)],
)
def test_hugging_face_accumulates_over_batches_that_it_has_fetched_before(
    tmp_path: Path, accumulation: int, kind: str
) -> None:
    pytest.importorskip("transformers")
    from absgd_worker.integrations.hugging_face import AbsgdCallback  # noqa: PLC0415
    from small_trainer import Lines, Sentences, classifier, language_model, trainer_of  # noqa: PLC0415

    if kind == "classifier":
        model, data = classifier(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0), Sentences()
    else:
        model, data = language_model(), Lines()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
    items = [
        {name: torch.as_tensor(value)[None] for name, value in data[i].items()} for i in range(len(data))
    ]
    with torch.no_grad():
        plain = torch.stack([model(**item).loss for item in items])
    trainer = trainer_of(
        tmp_path,
        model,
        data,
        callback=AbsgdCallback(),
        learning_rate=0.0,
        max_steps=-1,
        num_train_epochs=1,
        gradient_accumulation_steps=accumulation,
    )
    loader = trainer.get_train_dataloader()
    trainer.get_train_dataloader = lambda: api.track(loader)
    source = Recorder()
    with api.session(source=source, announce=False):
        trainer.train()
    require_right(source.entries, plain, len(data))


@pytest.mark.parametrize("accumulation", [1, 2, 3])
def test_lightning_accumulates_and_validates_in_between(tmp_path: Path, accumulation: int) -> None:
    L = pytest.importorskip("lightning")
    from absgd_worker.integrations.lightning import AbsgdCallback  # noqa: PLC0415

    class Module(L.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Linear(6, 3)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return F.cross_entropy(self.net(batch[0]), batch[1])

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log("val_loss", F.cross_entropy(self.net(batch[0]), batch[1]))

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.0)

    module, points = Module(), torch.randn(26, 6)
    labels = points[:, :3].argmax(1)
    data = TensorDataset(points, labels)
    plain = F.cross_entropy(module.net(points), labels, reduction="none").detach()
    source = Recorder()
    with warnings.catch_warnings(), api.session(source=source, announce=False):
        warnings.simplefilter("ignore")
        trainer = L.Trainer(
            max_epochs=2,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            accumulate_grad_batches=accumulation,
            val_check_interval=2,
            default_root_dir=str(tmp_path),
            callbacks=[AbsgdCallback()],
        )
        trainer.fit(module, api.track(DataLoader(data, 4, shuffle=True)), DataLoader(data, 4))
    require_right(source.entries, plain, 26)


@pytest.mark.parametrize("skipped", [0, 2])
def test_accelerate_fetches_one_ahead_and_leaves_batches_out(skipped: int) -> None:
    accelerate = pytest.importorskip("accelerate")
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    points, labels, model = torch.randn(22, 5), torch.arange(22) % 4, nn.Linear(5, 4)
    plain = F.cross_entropy(model(points), labels, reduction="none").detach()
    accelerator = accelerate.Accelerator(cpu=True)
    loader = accelerator.prepare(DataLoader(TensorDataset(points, labels), 4, shuffle=True))
    tracked = api.track(accelerate.skip_first_batches(loader, skipped))
    optimizer, source = torch.optim.SGD(model.parameters(), lr=0.0), Recorder()
    criterion = api.wrap(nn.CrossEntropyLoss())
    with api.session(source=source, announce=False):
        for x, y in tracked:
            criterion(model(x), y).backward()
            optimizer.step()
    require_right(source.entries, plain, 22 - 4 * skipped)
