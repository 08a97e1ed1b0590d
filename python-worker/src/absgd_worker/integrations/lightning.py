"""ABSGD in a `Trainer` of Lightning.

from absgd_worker.integrations.lightning import AbsgdCallback

Trainer(callbacks=[AbsgdCallback(lam=annealed)])
"""

from __future__ import annotations

import math
import re
import sys
import weakref
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absgd_worker.attach.provenance.granularity import Granularity
from absgd_worker.attach.session.session import Session
from absgd_worker.integrations.attachment import Attachment, Settings

if TYPE_CHECKING:
    import lightning.pytorch as pl
    from typing_extensions import Unpack
elif "pytorch_lightning" in sys.modules and "lightning.pytorch" not in sys.modules:
    # The framework has two package names, and each package accepts only its own callbacks.
    import pytorch_lightning as pl
else:
    import lightning.pytorch as pl


class AbsgdCallback(pl.Callback):
    """Weighs every loss that is computed in training steps, with automatic or manual optimization.

    An operator's command to stop sets `Trainer.should_stop`. The command to save writes a checkpoint beside
    those of `ModelCheckpoint`, or below `default_root_dir`. Validation metrics whose names begin with "val"
    are reported. The state is in every checkpoint of the Trainer.

    Args:
        granularity, leave: as in `absgd_worker.capture`. By default each sequence of a language model is a
            sample.
        settings: as in `absgd_worker.session`, such as `lam` (in units of the loss, not 0), `gamma` (in
            (0, 1]), `plan` and `run`. `accumulate` is that of the Trainer by default.

    Raises:
        SessionError, PlanError, SettingsError: as `absgd_worker.session`, when training begins.
    """

    def __init__(
        self,
        granularity: Granularity = "auto",
        leave: Collection[str] = (),
        **settings: Unpack[Settings],
    ) -> None:
        self._attachment = Attachment("the Trainer", granularity, leave, settings)
        self._trainer: weakref.ref[pl.Trainer] | None = None

    @property
    def session(self) -> Session | None:
        """Open while the Trainer trains."""
        return self._attachment.session

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # In a second `fit` the same Trainer continues to count its steps.
        if trainer.global_step > 0 and self._trainer is not None and self._trainer() is trainer:
            self._attachment.continue_training()
        self._trainer = weakref.ref(trainer)
        _put_behind_others(trainer, self)
        # The Trainer alone decides when to validate: it has no method to request it.
        self._attachment.begin(can_evaluate=False)
        if pl_module.automatic_optimization:
            self._attachment.tell_length(trainer.estimated_stepping_batches)
            batches, accumulation = trainer.num_training_batches, trainer.accumulate_grad_batches
            self._attachment.tell_epoch(math.ceil(batches / accumulation) if math.isfinite(batches) else None)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        accumulation = trainer.accumulate_grad_batches
        if pl_module.automatic_optimization and batch_idx % accumulation == 0:
            self._attachment.expect(int(min(accumulation, trainer.num_training_batches - batch_idx)))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._attachment.end_step()
        if self._attachment.take("checkpoint"):
            trainer.save_checkpoint(_folder(trainer) / f"absgd-step={trainer.global_step}.ckpt")
        if self._attachment.is_stopping:
            trainer.should_stop = True

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.sanity_checking:
            self._attachment.evaluated(
                {
                    _VALIDATION.sub("", name) or name: value
                    for name, value in trainer.callback_metrics.items()
                    if _VALIDATION.match(name)
                }
            )

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._attachment.end()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self._attachment.end(exception)

    def state_dict(self) -> dict[str, Any]:
        state = self._attachment.state_dict()
        return {} if state is None else state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._attachment.load_state_dict(state_dict or None)


def _put_behind_others(trainer: pl.Trainer, callback: pl.Callback) -> None:
    """Moves the callback behind those that average weights after a batch, and before those that save."""
    known: Any = trainer
    saving: Any = pl.callbacks.Checkpoint
    rest = [other for other in known.callbacks if other is not callback]
    savers = [other for other in rest if isinstance(other, saving)]
    others = [other for other in rest if other not in savers]
    # Assign another list, because Lightning iterates over this one.
    known.callbacks = [*others, callback, *savers]


def _folder(trainer: pl.Trainer) -> Path:
    beside = getattr(trainer.checkpoint_callback, "dirpath", None)
    return Path(beside) if beside else Path(trainer.default_root_dir)


_VALIDATION = re.compile(r"^val(id|idation)?[_/.-]?")
