"""How a session goes about it, whoever decides lambda."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from absgd_worker.attach.mirror import Mirroring
from absgd_worker.attach.optimizers import Groups
from absgd_worker.weights import Rule


class Choices(NamedTuple):
    """See `absgd_worker.session`."""

    rule: Rule | None = None
    """None: the default one."""
    accumulate: int | None = None
    announce: bool = False
    normaliser: str = "refuse"
    groups: Groups = "scaled"
    on_checkpoint: Callable[[], object] | None = None
    on_evaluate: Callable[[], Mapping[str, Any] | str] | None = None
    mirror: Mirroring = "auto"
