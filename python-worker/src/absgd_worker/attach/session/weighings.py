"""All weighings of a session, by name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from torch import Tensor

from absgd_worker.attach.hooks.backward_use import BackwardUse
from absgd_worker.attach.session.accumulation import NamedWeighing, Part
from absgd_worker.link.step_reports import StepEntry
from absgd_worker.weights import Rule, Statistics


class Weighings:
    """Made as they are asked for, each by the rule of that moment; held open by a session."""

    def __init__(self, accumulate: int | None) -> None:
        self.accumulate = accumulate
        self._of: dict[str, NamedWeighing] = {}
        self._ended_calls = 0
        self.main: str | None = None
        """The name of the weighing whose figures are those of a step, the same over all steps of a run:
        "loss" where the first step has it, else the first that was made. None before the first step."""

    def of(self, name: str, rule: Rule) -> NamedWeighing:
        """The weighing of that name."""
        found = self._of.get(name)
        if found is None:
            found = self._of[name] = NamedWeighing(rule, self.accumulate)
        return found

    def expect(self, micro_batches: int | None) -> None:
        """From the next loss on, a step has so many micro-batches; None: as many as the step before."""
        self.accumulate = micro_batches
        for weighing in self._of.values():
            weighing.expected = micro_batches

    @property
    def calls(self) -> int:
        """Losses weighed so far, over all names."""
        return self._ended_calls + sum(weighing.total_calls for weighing in self._of.values())

    def begin_anew(self, names: Collection[str]) -> None:
        """The estimates of these names are of another model from here on."""
        for name in names:
            ended = self._of.pop(name, None)
            if ended is not None:
                ended.close()
                self._ended_calls += ended.total_calls

    def forget(self, use: BackwardUse) -> None:
        """The call that `use` follows was no loss, or was weighed anew."""
        for weighing in self._of.values():
            weighing.forget(use)

    def take(self) -> dict[str, Part]:
        """What the calls since the last `take` or `drop` add up to, of every name that had one."""
        parts = {name: part for name, one in self._of.items() if (part := one.take()) is not None}
        if self.main is None and parts:
            self.main = USUAL if USUAL in parts else next(iter(parts))
        return parts

    def drop(self) -> None:
        """Forgets the calls of a step that was not made."""
        for weighing in self._of.values():
            weighing.drop()

    def close(self) -> None:
        """There is no further step."""
        for weighing in self._of.values():
            weighing.close()

    def state_dict(self) -> dict[str, Any]:
        return {name: weighing.state_dict() for name, weighing in self._of.items() if weighing.is_trained_on}

    def load_state_dict(self, state: Mapping[str, Any], rule: Rule) -> None:
        """Puts back what `state_dict` gave; ValueError for anything else, and nothing has changed then."""
        loaded = {name: NamedWeighing(rule, self.accumulate) for name in state}
        for name, own in state.items():
            loaded[name].load_state_dict(own)
        self._of = loaded


def entry_of(
    parts: Mapping[str, Part],
    *,
    main: str | None,
    attempt: int,
    step: int,
    seconds: float,
    applied: Mapping[str, float],
    metrics: dict[str, float | Tensor] | None,
) -> StepEntry:
    """What is reported of a step that these weighings led to. Samples are those of the main one, else of the
    first."""
    (name, first), *others = sorted(parts.items(), key=lambda part: part[0] != main)
    return StepEntry(
        attempt=attempt,
        step=step,
        seconds=seconds,
        waits=0,
        controls={**first.controls, **applied},
        statistics=first.statistics,
        losses_B=first.losses_N,
        weights_B=first.weights_N,
        indices_B=first.identity.indices,
        keep_samples=True,
        metrics=metrics,
        name=name,
        others=tuple((other, part.statistics) for other, part in others),
        labels_B=first.identity.labels,
        ids=first.identity.ids,
        has_main=name == main,
    )


def numbers_of(entry: StepEntry) -> Iterator[tuple[str, float | Tensor]]:
    """The losses and the script's own numbers of a step, named as the run's readers name them."""
    main = "train.loss" if entry.has_main else f"train.{entry.name}.loss"
    losses = [(main, entry.statistics)]
    losses += [(f"train.{name}.loss", statistics) for name, statistics in entry.others]
    for name, statistics in losses:
        if isinstance(statistics, Tensor):
            yield name, statistics[_MEAN_LOSS]
        elif statistics is not None:
            yield name, statistics.mean_loss
    for name, number in (entry.metrics or {}).items():
        yield f"train.{name}", number


_MEAN_LOSS = Statistics._fields.index("mean_loss")
USUAL = "loss"
