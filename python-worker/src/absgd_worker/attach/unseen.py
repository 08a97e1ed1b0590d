"""Steps whose losses nobody weighed."""

from __future__ import annotations

from absgd_worker.attach.errors import NotApplied


class UnseenSteps:
    """Counts optimizer steps that no weighed loss led to, and loses patience where there never was one."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, *, captured: int) -> None:
        """`captured`: losses weighed so far. Raises NotApplied."""
        self._count += 1
        if captured == 0 and self._count == BARE_STEPS:
            raise NotApplied(
                f"{BARE_STEPS} optimizer steps were made and no loss was weighed, so that lambda has no "
                "effect: wrap the criterion with absgd_worker.wrap(criterion), or weigh losses of one sample "
                "each with absgd_worker.weigh(losses). Losses that are made of other operations than those "
                "of torch.nn.functional, or inside DataParallel replicas, are not seen"
            )


BARE_STEPS = 20
"""Optimizer steps without a weighed loss after which nobody may think that lambda has an effect."""
