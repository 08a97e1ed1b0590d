"""A small Lightning module, and its fit."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from absgd_worker.integrations.lightning import AbsgdCallback

L = pytest.importorskip("lightning")


class Classifier(L.LightningModule):
    def __init__(self, *, manual: bool = False) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))
        self.automatic_optimization = not manual
        self.trained: list[float] = []

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        loss = F.cross_entropy(self.net(batch[0]), batch[1])
        self.trained.append(loss.item())
        self.log("train_loss", loss)
        if self.automatic_optimization:
            return loss
        optimizer: Any = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        return None

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        scores = self.net(batch[0])
        self.log("val_loss", F.cross_entropy(scores, batch[1]))
        self.log("val/acc", (scores.argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=1e-2)


class Silent(Classifier):
    """Logs nothing: a compiler follows what logs for seconds."""

    def log(self, *args: Any, **kwargs: Any) -> None:
        pass


class Counted(AbsgdCallback):
    """Keeps the steps and the losses of its session."""

    counted: tuple[int, int] = (0, 0)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        assert self.session is not None
        self.counted = (self.session.step, self.session.captured)
        super().on_train_end(trainer, pl_module)


class Averages(L.Callback):
    """As callbacks that average weights do, after every batch."""

    def __init__(self) -> None:
        self.count = 0

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        self.count += 1

    def state_dict(self) -> dict[str, int]:
        return {"count": self.count}


def fit(
    folder: Path,
    *callbacks: Any,
    manual: bool = False,
    compiles: bool = False,
    make: Any = Classifier,
    resume: Path | None = None,
    **options: Any,
) -> tuple[Any, Classifier]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        L.seed_everything(0, verbose=False)
        points = torch.randn(64, 6)
        data = TensorDataset(points, points[:, :3].argmax(1))
        module: Any = make(manual=manual)
        settings = {
            "max_epochs": 2,
            "accelerator": "cpu",
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "default_root_dir": folder,
            **options,
        }
        trainer = L.Trainer(callbacks=list(callbacks), **settings)
        trainer.fit(
            torch.compile(module, backend="eager") if compiles else module,
            DataLoader(data, batch_size=8),
            DataLoader(data, batch_size=32),
            ckpt_path=resume,
            **({} if resume is None else {"weights_only": False}),
        )
    return trainer, module
