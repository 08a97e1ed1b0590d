"""ABSGD in a `Trainer` of Lightning.

from absgd_worker.integrations.lightning import AbsgdCallback

Trainer(callbacks=[AbsgdCallback(lam=annealed)])
"""

from __future__ import annotations

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
    # One framework under two names, of which each knows its own callbacks alone.
    import pytorch_lightning as pl
else:
    import lightning.pytorch as pl


class AbsgdCallback(pl.Callback):
    """Weighs every loss that is computed in training steps, by automatic or manual optimization.

    Stopping is the Trainer's own; asked to save, it writes a checkpoint beside those of its
    `ModelCheckpoint`, else below its `default_root_dir`. Validation metrics whose names begin with "val" are
    reported. The state is in every checkpoint of the Trainer.

    Args:
        granularity, leave: as in `absgd_worker.capture`. A language model is weighed by sequence.
        settings: as in `absgd_worker.session`. `accumulate` is the Trainer's own, where they do not say.
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
        # Fitted again, the same Trainer goes on counting.
        if trainer.global_step > 0 and self._trainer is not None and self._trainer() is trainer:
            self._attachment.go_on()
        self._trainer = weakref.ref(trainer)
        _put_behind_others(trainer, self)
        # When to validate is the Trainer's alone: it has no way to be asked.
        self._attachment.begin(can_evaluate=False)

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
    """Behind those that average weights after a batch, and before those that save, as Lightning has them."""
    known: Any = trainer
    saving: Any = pl.callbacks.Checkpoint  # pyright: ignore[reportAttributeAccessIssue]
    rest = [one for one in known.callbacks if one is not callback]
    savers = [one for one in rest if isinstance(one, saving)]
    others = [one for one in rest if one not in savers]
    # Another list: Lightning is going through this one.
    known.callbacks = [*others, callback, *savers]


def _folder(trainer: pl.Trainer) -> Path:
    beside = getattr(trainer.checkpoint_callback, "dirpath", None)
    return Path(beside) if beside else Path(trainer.default_root_dir)


_VALIDATION = re.compile(r"^val(id|idation)?[_/.-]?")
