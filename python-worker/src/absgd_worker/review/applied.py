"""The reviews that this process has applied, for the logs of the runs that train on what they gave."""

from __future__ import annotations

from typing import NamedTuple


class AppliedReview(NamedTuple):
    """What a review has changed."""

    dropped: int
    relabelled: int
    digest: str
    """SHA-256 of its decisions, hex."""

    @property
    def note(self) -> str:
        """The text of its note in a log. `src/history/reviews.ts` reads it: it must not change."""
        return f"review: {self.dropped} dropped, {self.relabelled} relabelled (sha256 {self.digest})"


class ReviewNotes:
    """The notes of one run about the reviews that were applied before its first step, or since."""

    def __init__(self) -> None:
        self._noted: set[str] = set()
        self._seen = 0

    def take(self) -> list[str]:
        """The texts that are new since the last call."""
        if self._seen == len(_applied):
            return []
        texts = [review.note for review in _applied[self._seen :]]
        self._seen = len(_applied)
        new = [text for text in dict.fromkeys(texts) if text not in self._noted]
        self._noted.update(new)
        return new


def remember(review: AppliedReview) -> None:
    """Adds a review of this process."""
    _applied.append(review)


_applied: list[AppliedReview] = []
