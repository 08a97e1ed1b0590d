"""What a session says of itself on stderr, where it is to say anything."""

from __future__ import annotations

from absgd_worker.attach.hooks.distributed_ranks import global_rank
from absgd_worker.console import complain, count


class Announcements:
    """Says what is weighed, and what is not known: each once, by the first of several ranks."""

    def __init__(self, *, is_wanted: bool) -> None:
        self.is_wanted = is_wanted
        self._losses: dict[str, str] = {}
        self._unweighed: dict[str, str] = {}
        self._noted: dict[str, None] = {}
        self._several: set[str] = set()
        self._knows_samples: bool | None = None
        self._has_said_samples = False

    def loss(self, about: str, unit: str, name: str) -> None:
        """Of the weighing `name`, with the samples of its first batch."""
        if name in self._losses:
            return
        of_place = f" at {name}" if ":" in name else ""
        self._losses[name] = f"{about} [{unit}]{of_place}" if unit else about
        if self.is_wanted and global_rank() == 0:
            known = list(self._losses.values())
            each = "" if len(known) == 1 else "; each is weighed by itself"
            complain(f"absgd: captured {count(len(known), 'loss', 'losses')}: {'; '.join(known)}{each}")

    @property
    def has_unweighed(self) -> bool:
        """Whether a loss was seen, and left as it is."""
        return bool(self._unweighed)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why losses that were seen are not weighed, said or not, in the order in which they were met."""
        return tuple(dict.fromkeys((*self._unweighed.values(), *self._noted)))

    def note(self, reason: str) -> None:
        """Of a loss without reduction that the script has to weigh: why we do not. Said only where in the end
        no loss is weighed."""
        self._noted[reason] = None

    def several(self, names: set[str]) -> None:
        """Of places with several calls in one backward pass."""
        for name in names - self._several:
            self._several.add(name)
            if self.is_wanted and global_rank() == 0:
                complain(
                    f"absgd: one backward pass goes through several losses of one place "
                    f"({self._losses.get(name, name)}), as of heads or of the time steps of a sequence: each "
                    "call has an estimate of its own. To weigh a sample by their sum: "
                    "absgd_worker.weigh(sum of its losses)"
                )

    def unweighed(self, name: str, reason: str) -> None:
        """Says why a loss is left as it is, once for each `name`. Kept also where nothing is to be said."""
        if name in self._unweighed:
            return
        self._unweighed[name] = reason
        if self.is_wanted and global_rank() == 0:
            complain(f"absgd: not weighed: {reason}")

    def samples(self, *, known: bool, doubt: str | None = None) -> None:
        """Whether a step knows which samples its batch held, and why not; said of the first that does not.
        Without a tracked loader there is no `doubt`, and the first step alone is asked."""
        is_first, self._knows_samples = self._knows_samples is None, known
        if known or self._has_said_samples or (doubt is None and not is_first):
            return
        self._has_said_samples = True
        if self.is_wanted and global_rank() == 0:
            complain(
                "absgd: no sample identity: history and suspects are off (absgd_worker.track(loader) and "
                "weigh(losses, index=…) tell it)"
                if doubt is None
                else f"absgd: no sample identity is recorded where it is not certain which it is: {doubt}"
            )
