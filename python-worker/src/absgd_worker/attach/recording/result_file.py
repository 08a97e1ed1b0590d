"""What a training has shown, for `absgd-run --ab`, which compares several: metrics by name, and a digest of
the losses."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import struct
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from absgd_worker.link.environment import RESULT_VARIABLE
from absgd_worker.link.step_entry import StepEntry

OWN_PREFIX = "absgd/"
"""Of the scalars that this package itself writes to TensorBoard and wandb."""


class ResultFile:
    """Collects until `write`. Also the scalars that the script writes to TensorBoard and wandb."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._metrics: dict[str, list[float]] = {}
        self._losses = hashlib.sha256()
        self._steps = 0
        self._closing = threading.Event()
        threading.Thread(target=self._watch_loggers, name="absgd-scalars", daemon=True).start()

    def step(self, entry: StepEntry) -> None:
        """A step was reported."""
        self._steps += 1
        losses = entry.losses_B
        if losses.device.type == "cpu":
            self._losses.update(struct.pack(f"<{losses.numel()}d", *losses.tolist()))

    def evaluated(self, split: str, metrics: Mapping[str, float]) -> None:
        """The script, or a framework, has evaluated its model."""
        for name, value in metrics.items():
            self.add(f"{split}.{name}", value)

    def add(self, name: str, value: object) -> None:
        """A scalar; other values are passed over."""
        if isinstance(value, Tensor) and value.numel() == 1:
            value = value.item()
        if isinstance(value, (int, float)) and not name.startswith(OWN_PREFIX):
            self._metrics.setdefault(name, []).append(float(value))

    def write(self, code: int) -> None:
        """Training has ended with this exit code."""
        self._closing.set()
        digest = self._losses.hexdigest() if self._steps else ""
        result = {"exit": code, "steps": self._steps, "losses": digest, "metrics": self._metrics}
        draft = self._path.with_suffix(".part")
        draft.write_text(json.dumps(result), encoding="utf-8")
        draft.replace(self._path)

    def _watch_loggers(self) -> None:
        """Listens to the loggers as soon as the script has imported them."""
        missing = dict(LOGGERS)
        while missing and not self._closing.wait(SECONDS):
            for module, (kind, method) in list(missing.items()):
                found = getattr(sys.modules.get(module), kind, None)
                if found is not None:
                    del missing[module]
                    self._listen(found, method)

    def _listen(self, kind: Any, method: str) -> None:
        plain = getattr(kind, method)

        @functools.wraps(plain)
        def listened(logger: Any, first: Any, *args: Any, **options: Any) -> Any:
            if isinstance(first, Mapping):
                for name, value in first.items():
                    self.add(str(name), value)
            elif args:
                self.add(str(first), args[0])
            elif "scalar_value" in options:
                self.add(str(first), options["scalar_value"])
            return plain(logger, first, *args, **options)

        setattr(kind, method, listened)


def _wanted() -> ResultFile | None:
    path = os.environ.pop(RESULT_VARIABLE, None)
    return None if path is None else ResultFile(Path(path))


LOGGERS = {
    "torch.utils.tensorboard.writer": ("SummaryWriter", "add_scalar"),
    "tensorboardX.writer": ("SummaryWriter", "add_scalar"),
    "wandb.sdk.wandb_run": ("Run", "log"),
}
"""By module: the class that logs scalars, and its method."""
SECONDS = 0.02

result_file: ResultFile | None = _wanted()
"""None unless `absgd-run --ab` has started this process."""
