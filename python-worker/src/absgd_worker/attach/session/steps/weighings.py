"""The weighings of one training, by name, and the report of a step that they make."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from torch import Tensor

from absgd_worker.attach.hooks.backward_use import BackwardUse
from absgd_worker.attach.session.steps.accumulation import NamedWeighing
from absgd_worker.attach.session.steps.weighed_losses import WeighedLosses
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.weights import Rule, Statistics


class Weighings:
    """Creates the weighing of a name when it is first asked for, with the rule of that moment."""

    def __init__(self, accumulate: int | None) -> None:
        self.accumulate = accumulate
        self._by_name: dict[str, NamedWeighing] = {}
        self._calls_of_removed = 0
        self.main: str | None = None
        """The name whose figures stand for the step, the same in all steps of a run: "loss" if the first step
        has it, else the first name. None before the first step."""

    def of(self, name: str, rule: Rule) -> NamedWeighing:
        """The weighing of that name."""
        found = self._by_name.get(name)
        if found is None:
            found = self._by_name[name] = NamedWeighing(rule, self.accumulate)
        return found

    def expect(self, micro_batches: int | None) -> None:
        """Sets the number of micro-batches of a step from the next loss on; None: as many as the step
        before."""
        self.accumulate = micro_batches
        for weighing in self._by_name.values():
            weighing.expected = micro_batches

    @property
    def calls(self) -> int:
        """How many losses were weighed, over all names."""
        return self._calls_of_removed + sum(weighing.total_calls for weighing in self._by_name.values())

    def calls_of_last_step(self, names: Collection[str]) -> int:
        """How many losses of these names were trained on in the last step."""
        return sum(self._by_name[name].calls_of_last_step for name in names)

    def begin_anew(self, names: Collection[str]) -> None:
        """Removes the estimates of these names: they belong to another model from here on."""
        for name in names:
            removed = self._by_name.pop(name, None)
            if removed is not None:
                removed.close()
                self._calls_of_removed += removed.total_calls

    def discard(self, use: BackwardUse) -> None:
        """Removes the call of `use`: it computed no loss, or its loss is weighed once more."""
        for weighing in self._by_name.values():
            weighing.discard(use)

    def end_step(self) -> dict[str, WeighedLosses]:
        """The losses of this step that were trained on, by name; without names that had none."""
        parts = {
            name: losses
            for name, weighing in self._by_name.items()
            if (losses := weighing.end_step()) is not None
        }
        if self.main is None and parts:
            self.main = DEFAULT_NAME if DEFAULT_NAME in parts else next(iter(parts))
        return parts

    def drop(self) -> None:
        """Removes the calls of a step that was not made."""
        for weighing in self._by_name.values():
            weighing.drop()

    def close(self) -> None:
        """There is no further step."""
        for weighing in self._by_name.values():
            weighing.close()

    def state_dict(self) -> dict[str, Any]:
        """The state of every estimate, by name."""
        return {
            name: weighing.state_dict() for name, weighing in self._by_name.items() if weighing.is_trained_on
        }

    def load_state_dict(self, state: Mapping[str, Any], rule: Rule) -> None:
        """Loads what `state_dict` returned; ValueError for anything else, and then nothing has changed."""
        loaded = {name: NamedWeighing(rule, self.accumulate) for name in state}
        for name, own in state.items():
            loaded[name].load_state_dict(own)
        self._by_name = loaded


def entry_of(
    parts: Mapping[str, WeighedLosses],
    *,
    main: str | None,
    attempt: int,
    step: int,
    seconds: float,
    applied: Mapping[str, float],
    metrics: dict[str, float | Tensor] | None,
) -> StepEntry:
    """The report of a step. Its samples are those of the name `main`, or of the first name without it."""
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
    """The mean losses and the script's own numbers of a step, with the names that a run's readers use."""
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
DEFAULT_NAME = "loss"
