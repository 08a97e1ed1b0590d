"""ABSGD in a `Trainer` of Lightning.

from absgd_worker.integrations.lightning import AbsgdCallback

Trainer(callbacks=[AbsgdCallback(lam=annealed)])
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absgd_worker.attach.granularity import Granularity
from absgd_worker.attach.session import Session
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

    @property
    def session(self) -> Session | None:
        """Open while the Trainer trains."""
        return self._attachment.session

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # When to validate is the Trainer's alone: it has no way to be asked.
        self._attachment.begin(accumulate=trainer.accumulate_grad_batches, can_evaluate=False)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
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


def _folder(trainer: pl.Trainer) -> Path:
    beside = getattr(trainer.checkpoint_callback, "dirpath", None)
    return Path(beside) if beside else Path(trainer.default_root_dir)


_VALIDATION = re.compile(r"^val(id|idation)?[_/.-]?")
