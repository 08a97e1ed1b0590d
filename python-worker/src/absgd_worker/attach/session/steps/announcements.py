"""Prints which losses are weighed and which are not, on stderr."""

from __future__ import annotations

from absgd_worker.attach.hooks.distributed_ranks import global_rank
from absgd_worker.console import complain, count


class Announcements:
    """Prints each message once, on the first of several ranks. Without `is_wanted` it prints nothing, and
    still keeps the reasons."""

    def __init__(self, *, is_wanted: bool) -> None:
        self.is_wanted = is_wanted
        self._losses: dict[str, str] = {}
        self._unweighed: dict[str, str] = {}
        self._noted: dict[str, None] = {}
        self._several: set[str] = set()
        self._knows_samples: bool | None = None
        self._has_printed_samples = False

    def loss(self, about: str, unit: str, name: str) -> None:
        """The name `name` weighs its first batch. `unit`: the samples of that batch, for people."""
        if name in self._losses:
            return
        place = f" at {name}" if ":" in name else ""
        self._losses[name] = f"{about} [{unit}]{place}" if unit else about
        losses = list(self._losses.values())
        each = "" if len(losses) == 1 else "; each has its own estimate"
        self._print(f"captured {count(len(losses), 'loss', 'losses')}: {'; '.join(losses)}{each}")

    @property
    def has_unweighed(self) -> bool:
        """Whether a loss was computed and not weighed."""
        return bool(self._unweighed)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why losses were not weighed, printed or not, in the order in which they were found."""
        return tuple(dict.fromkeys((*self._unweighed.values(), *self._noted)))

    def note(self, reason: str) -> None:
        """Keeps why a loss without reduction is not weighed, which the script has to weigh itself. It is
        printed only if no loss is weighed in the end."""
        self._noted[reason] = None

    def several(self, names: set[str]) -> None:
        """Places that compute several losses of one backward pass."""
        for name in names - self._several:
            self._several.add(name)
            self._print(
                "one backward pass goes through several losses of one place "
                f"({self._losses.get(name, name)}), such as heads or the time steps of a sequence: each call "
                "has its own estimate. To weigh a sample by the sum of its losses: "
                "absgd_worker.weigh(sum of its losses)"
            )

    def unweighed(self, name: str, reason: str) -> None:
        """A loss is not weighed. The reason is printed once for each `name`."""
        if name not in self._unweighed:
            self._unweighed[name] = reason
            self._print(f"not weighed: {reason}")

    def samples(self, *, known: bool, doubt: str | None = None) -> None:
        """A step was reported: is it known which samples its batch had?

        The first step that does not know them is printed; without `doubt`, only if it is the first step.

        Args:
            doubt: why they are not certain; None without a tracked loader.
        """
        is_first, self._knows_samples = self._knows_samples is None, known
        if known or self._has_printed_samples or (doubt is None and not is_first):
            return
        self._has_printed_samples = True
        self._print(
            "no sample identity: history and suspects are off. To turn them on: "
            "absgd_worker.track(loader), or weigh(losses, index=…)"
            if doubt is None
            else f"no sample identity is recorded in steps where it is not certain: {doubt}"
        )

    def _print(self, message: str) -> None:
        if self.is_wanted and global_rank() == 0:
            complain(f"absgd: {message}")
