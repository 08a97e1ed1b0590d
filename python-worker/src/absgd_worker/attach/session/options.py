"""The options of a session other than its controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from absgd_worker.attach.hooks.hyperparameters import Groups
from absgd_worker.attach.mirror.mirror import Mirroring
from absgd_worker.weights import Rule


class SessionOptions(NamedTuple):
    """See `absgd_worker.session`."""

    rule: Rule | None = None
    """None: the default rule, or the rule of a controller."""
    accumulate: int | None = None
    announce: bool = False
    normaliser: str = "refuse"
    groups: Groups = "scaled"
    on_checkpoint: Callable[[], object] | None = None
    on_evaluate: Callable[[], Mapping[str, Any] | str] | None = None
    mirror: Mirroring = "auto"
    steps_per_epoch: int | None = None

    def checked(self) -> SessionOptions:
        """Returns itself. Raises ValueError for a value that is not permitted."""
        if self.accumulate is not None and (not isinstance(self.accumulate, int) or self.accumulate < 1):
            raise ValueError(f"accumulate is {self.accumulate!r}, must be a whole number from 1, or None")
        epoch = self.steps_per_epoch
        if epoch is not None and (not isinstance(epoch, int) or epoch < 1):
            raise ValueError(f"steps_per_epoch is {epoch!r}, must be a whole number from 1, or None")
        for name, permitted in (("normaliser", ("refuse", "rank-local")), ("mirror", ("auto", "off"))):
            if getattr(self, name) not in permitted:
                raise ValueError(
                    f'{name} is {getattr(self, name)!r}, must be "{permitted[0]}" or "{permitted[1]}"'
                )
        return self
