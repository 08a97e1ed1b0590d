"""A source whose lambda a recipe chooses, and a guard backs off. Decisions depend on the losses of steps that
are `LAG` and more steps earlier, and on nothing else."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch

from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.recipes.guard_rule import GuardRule
from absgd_worker.attach.source.lambda_edits import LambdaEdit, LambdaEdits
from absgd_worker.attach.source.recorder import Recorder
from absgd_worker.attach.source.settings import Control, needs_epochs, read_setting, value_at
from absgd_worker.attach.source.source import LocalSource
from absgd_worker.console import complain
from absgd_worker.device.host_copy import HostCopy
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.recipes import Recipe, RecipeState, Report, decide, is_done, recipe_of, start
from absgd_worker.recipes.decide import EVERY, LAG, WINDOW


class _Kept(NamedTuple):
    """A step that was trained."""

    step: int
    losses: HostCopy | list[float]


class RecipeSource(LocalSource):
    """See `absgd_worker.recipes`."""

    has_guard = True

    def __init__(self, recipe: Recipe, gamma: Control | str = 0.9) -> None:
        self.recipe = recipe
        self._gamma = read_setting("gamma", gamma)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.edits = LambdaEdits()
        self.marks: list[str] = []
        """What was said without an edit."""
        self._state: RecipeState = start()
        self._kept: deque[_Kept] = deque(maxlen=WINDOW + LAG + EVERY)
        self._guard = GuardRule()
        self._said: list[LambdaEdit | str] = []

    def next(self, step: int) -> Mapping[str, float]:
        if step == 0:
            self._begin_anew()
            self._check()
        for back_off in self._guard.through(step):
            begin = max(step, back_off.begin)
            self._edit(begin, "guard", f"training collapses: {back_off.mark}", factor=back_off.factor)
        if step % EVERY == 0 and not is_done(self._state):
            self._decide(step)
        epoch = self.steps_per_epoch if needs_epochs(self._gamma) else 0
        return {"lambda": self.edits.at(step), "gamma": value_at(self._gamma, step, epoch)}

    def observe(self, entry: StepEntry, recorder: Recorder) -> None:
        """A step was trained: keeps what decisions need, and records those that were made for it."""
        if not is_done(self._state):
            self._kept.append(_Kept(entry.step, HostCopy(entry.losses_B.to(torch.float32))))
        self._guard.observe(entry)
        said, self._said = self._said, []
        for one in said:
            if isinstance(one, str):
                recorder.note(one, is_warning=False)
            else:
                recorder.edited(one)

    def state_dict(self) -> dict[str, Any]:
        """Python numbers and strings."""
        reports = [[kept.step, _numbers(kept)] for kept in self._kept]
        return {
            "recipe": list(self.recipe),
            "state": dict(self._state),
            "edits": [list(edit) for edit in self.edits.made],
            "marks": self.marks,
            "reports": reports,
            "guard": self._guard.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads what `state_dict` returned.

        Raises:
            ValueError: it is of another recipe.
        """
        if state["recipe"][:2] != list(self.recipe)[:2]:
            raise ValueError(
                f"this state was saved under the recipe {recipe_of(*state['recipe'])}, but this session has "
                f"{self.recipe}: use the same recipe"
            )
        self._begin_anew()
        self.recipe = recipe_of(*state["recipe"])
        self.edits = LambdaEdits([LambdaEdit(*edit) for edit in state["edits"]])
        self.marks = list(state["marks"])
        saved: Any = dict(state["state"])
        self._state = saved
        self._kept.extend(_Kept(step, list(losses)) for step, losses in state["reports"])
        self._guard.load_state_dict(state["guard"])

    def _check(self) -> None:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            ranks = torch.distributed.get_world_size()
            if ranks > 1:
                raise SessionError(
                    f"a recipe chooses lambda from the losses of one process, and {ranks} train here: use a "
                    "schedule that a recipe has printed in a run on one device"
                )
        self.check_length()

    def check_length(self) -> None:
        """Takes the length of the training, as far as it is known. Raises RecipeError if it is too short."""
        steps = self.training_steps or self.recipe.steps
        self.recipe = recipe_of(self.recipe.kind, self.recipe.wrong, steps)

    def _decide(self, step: int) -> None:
        reports = [Report(kept.step, _numbers(kept)) for kept in self._reports(step)]
        made = decide(self.recipe, reports, self._state, step)
        self._state = made.state
        if made.edit is not None:
            why = f"recipe {self.recipe.kind}: {made.edit.why}"
            self._edit(step, "recipe", why, text=made.edit.text)
        elif made.mark:
            mark = f"recipe {self.recipe.kind}: {made.mark}"
            self.marks.append(mark)
            self._said.append(mark)
            complain(f"absgd: {mark}")
        if is_done(self._state):
            self._kept.clear()

    def _reports(self, step: int) -> Sequence[_Kept]:
        first = step - LAG - WINDOW
        return [kept for kept in self._kept if first < kept.step <= step - LAG]

    def _edit(self, step: int, by: str, why: str, *, text: str | None = None, factor: float = 1.0) -> None:
        edit = self.edits.add(step, by, why, text=text, factor=factor)
        self._said.append(edit)
        change = f"|lambda| times {factor:g}" if text is None else f"lambda {text}"
        complain(f"absgd: {why}. From step {step} on {change}")
        if text is not None:
            complain(f"absgd: the same without the recipe: --lam '{self.edits.as_schedule()}'")


def _numbers(kept: _Kept) -> list[float]:
    return kept.losses if isinstance(kept.losses, list) else kept.losses.numbers()
