"""Decides from the figures of its steps whether a training collapses under lambda. Pure.

The same rules as the guard in `src/schedule/feedback/guard.ts`; `proto/golden/guard.json` tests both. There
is no rule about classes, because the labels of a script are rarely known. See "The guard" in
docs/schedules.md.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, TypeAlias

from absgd_worker.attach.checks.collapse_beginning import (
    Beginning,
    StepFigures,
    is_even,
    is_small,
    mean_of,
    times_of,
    with_step,
)


class CollapseState(NamedTuple):
    """The state between two steps."""

    narrow: int = 0
    """Steps in a row with too small an effective sample size."""
    apart: int = 0
    """Steps in a row of a cold start in which a few samples have most of the weight and nothing is learnt."""
    lopsided: int = 0
    """Steps in a row of a cold start in which much less than the batch has most of the weight."""
    has_learnt: bool = False
    """Whether the mean loss has fallen during a cold start."""
    has_warned: bool = False
    """Whether the warning without an edit of lambda was given: it is given once."""
    not_finite: int = 0
    """Steps in a row whose mean loss was not finite."""
    losses: tuple[float, ...] = ()
    """The newest finite mean losses, at most `PATIENCE`."""
    ess_ratios: tuple[float, ...] = ()
    """The newest ESS ratios, at most `MOST_TOGETHER`."""
    first: Beginning = Beginning()
    quiet_until: int = 0
    """Steps before this one do not show the effect of the last back-off yet."""
    cold_quiet_until: int = 0
    """The same for the rules of a cold start."""
    cold_until: int | None = None
    """The cold start ends at this step; None before lambda was on; 0 if there is no cold start."""
    is_untrained: bool = False
    """Whether the losses of the first weighed batch were alike, like those of an untrained model."""


ColdKind: TypeAlias = Literal["apart", "lost", "stalled"]
Kind: TypeAlias = Literal["apart", "lost", "stalled", "narrow", "ran away", "not finite"]


class BackOff(NamedTuple):
    """A collapse was found: the guard of a controller multiplies |lambda| by `factor`."""

    step: int
    """The last step of the figures."""
    begin: int
    """The first step with the new lambda."""
    factor: float
    """1 for a warning that leaves lambda as it is."""
    kind: Kind
    mark: str
    """A sentence for people about the figures."""


def check_step(before: CollapseState, seen: StepFigures) -> tuple[CollapseState, BackOff | None]:
    """The state after one more step, and the collapse that it shows; None while lambda is off."""
    state, ess, loss = _with_step(before, seen)
    if not math.isfinite(seen.lam) or abs(seen.lam) >= OFF_FROM * (_scale(seen, state.first) or 1):
        return state, None
    found = _drawn_apart(state, seen, ess, loss)
    if found is None and seen.step >= state.quiet_until:
        found = _at_any_time(state, seen, ess) or _lopsided(state, seen, ess)
    return (state, None) if found is None else found


def _drawn_apart(
    state: CollapseState, seen: StepFigures, ess: float, loss: float
) -> tuple[CollapseState, BackOff] | None:
    earliest = (state.cold_until or 0) - COLD_STEPS + COLD_EARLIEST
    if state.apart < COLD_PATIENCE or seen.step < max(state.cold_quiet_until, earliest):
        return None
    kind = "lost" if state.has_learnt else "apart"
    if seen.lam < 0 or not state.has_learnt:
        return _backed_off_cold(state, seen, kind, ess, loss)
    # Lambda above 0 raises the loss of easy samples on purpose, and many runs learn them again.
    return None if state.has_warned else _warning(state, seen.step, kind, ess, loss)


def _at_any_time(state: CollapseState, seen: StepFigures, ess: float) -> tuple[CollapseState, BackOff] | None:
    found = _narrowness(state, ess) if state.narrow >= PATIENCE else _ran_away(state, seen.lam)
    if found is None:
        return None
    after = state._replace(narrow=0, quiet_until=seen.step + 2 * LAG + PATIENCE)
    return after, BackOff(seen.step, seen.step + LAG, FACTOR, *found)


def _lopsided(state: CollapseState, seen: StepFigures, ess: float) -> tuple[CollapseState, BackOff] | None:
    lately = mean_of(state.losses)
    if not lately >= times_of(state.first.early, LITTLE):
        return None
    if seen.lam < 0:
        return _backed_off_cold(state, seen, "apart", ess, lately) if state.lopsided >= PATIENCE else None
    if state.has_warned or state.lopsided < COLD_STALLED:
        return None
    return _warning(state, seen.step, "stalled", ess, lately)


def _warning(
    state: CollapseState, step: int, kind: ColdKind, ess: float, loss: float
) -> tuple[CollapseState, BackOff]:
    """A warning that leaves lambda as it is, because the training may not collapse. Given once."""
    mark = f"{DESCRIPTIONS[kind]} {_figures(state, ess, loss)}"
    return state._replace(has_warned=True), BackOff(step, step + 1, 1.0, kind, mark)


def _backed_off_cold(
    state: CollapseState, seen: StepFigures, kind: ColdKind, ess: float, loss: float
) -> tuple[CollapseState, BackOff]:
    step = seen.step
    quiet = step + 2 * COLD_LAG + COLD_PATIENCE
    after = state._replace(
        narrow=0, apart=0, lopsided=0, quiet_until=max(state.quiet_until, quiet), cold_quiet_until=quiet
    )
    factor = _cold_factor(seen.lam, _scale(seen, state.first))
    return after, BackOff(
        step, step + COLD_LAG, factor, kind, f"{DESCRIPTIONS[kind]} {_figures(state, ess, loss)}"
    )


def _figures(state: CollapseState, ess: float, loss: float) -> str:
    return (
        f"(effective sample size {_percent(ess)} of the batch, unweighted mean loss {loss:.3g}, "
        f"at first {state.first.loss:.3g})"
    )


def _narrowness(state: CollapseState, ess: float) -> tuple[Literal["narrow"], str]:
    share = f"effective sample size {_percent(ess)} of the batch"
    return "narrow", f"for {state.narrow} steps a few samples held the weight ({share})"


def _with_step(before: CollapseState, seen: StepFigures) -> tuple[CollapseState, float, float]:
    """The state with one more step, and the ESS ratio and the mean loss, averaged over the newest steps."""
    is_weighed, is_finite = math.isfinite(seen.lam), math.isfinite(seen.mean_loss)
    first = with_step(before.first, seen)
    losses = (*before.losses, seen.mean_loss)[-PATIENCE:] if is_finite else before.losses
    ess_ratios = before.ess_ratios
    if math.isfinite(seen.ess_ratio):
        ess_ratios = (*ess_ratios, seen.ess_ratio)[-MOST_TOGETHER:]
    # A small batch shows little: the average is over as many batches as have 32 samples together.
    together = min(MOST_TOGETHER, math.ceil(MANY_SAMPLES / seen.n)) if seen.n >= 1 else 1
    ess = mean_of(ess_ratios[-together:])
    loss = mean_of(losses[-max(together, COLD_PATIENCE) :])
    cold_until, is_untrained = before.cold_until, before.is_untrained
    if cold_until is None and is_weighed:
        is_cold = is_small(seen.lam, first.loss) and mean_of(losses) >= times_of(first.early, LEARNT)
        cold_until, is_untrained = seen.step + COLD_STEPS if is_cold else 0, is_even(seen)
    is_early = is_weighed and seen.step < (cold_until or 0)
    little = times_of(first.early, LITTLE)
    has_learnt = before.has_learnt or (is_early and len(losses) >= PATIENCE and mean_of(losses) < little)
    times = LEARNT if seen.lam < 0 and is_untrained and not has_learnt else WORSE
    is_apart = is_early and ess < COLD_MIN_ESS_RATIO and loss >= times_of(first.early, times)
    # Lambda above 0 gives most of the weight to few samples on purpose.
    max_ess = COLD_MIN_LASTING_ESS_RATIO if seen.lam < 0 else COLD_MIN_STALLED_ESS_RATIO
    is_lopsided = is_early and ess < max_ess
    # ESS/B is at least 1/B. Lambda above 0 gives most of the weight to the hardest samples on purpose.
    is_narrow = (
        is_weighed and seen.lam < 0 and seen.n >= LEAST_SAMPLES and ess < max(MIN_ESS_RATIO, 2 / seen.n)
    )
    state = before._replace(
        narrow=before.narrow + 1 if is_narrow else 0,
        apart=before.apart + 1 if is_apart else 0,
        lopsided=before.lopsided + 1 if is_lopsided else 0,
        has_learnt=has_learnt,
        not_finite=0 if is_finite else before.not_finite + 1,
        losses=losses,
        ess_ratios=ess_ratios,
        first=first,
        cold_until=cold_until,
        is_untrained=is_untrained,
    )
    return state, ess, loss


def _ran_away(state: CollapseState, lam: float) -> tuple[Literal["ran away", "not finite"], str] | None:
    if state.not_finite >= NOT_FINITE_STEPS:
        return "not finite", f"the unweighted mean loss has not been finite for {state.not_finite} steps"
    least, steps = state.first.least, state.first.least_steps
    if steps == 0 or len(state.losses) < PATIENCE:
        return None
    now = mean_of(state.losses)
    # Lambda above 0 raises the loss of easy samples on purpose.
    if not now > times_of(least, 2 * MAX_LOSS_RATIO if lam > 0 else MAX_LOSS_RATIO):
        return None
    times = f"{now / least:.2g} times that of the first {steps} steps"
    return "ran away", f"the unweighted mean loss is {now:.3g}, {times}"


def _scale(seen: StepFigures, first: Beginning) -> float:
    """The size of the losses: of the first mean loss or of this one, whichever is larger."""
    return max(abs(first.loss), abs(seen.mean_loss) if math.isfinite(seen.mean_loss) else 0.0)


def _cold_factor(lam: float, scale: float) -> float:
    """Makes |lambda| so large that weights are almost equal. A power of two."""
    needed = COLD_OFF * scale / abs(lam)
    return max(COLD_FACTOR, 2.0 ** math.ceil(math.log2(needed))) if 0 < needed < math.inf else COLD_FACTOR


def _percent(share: float) -> str:
    return f"{math.floor(100 * share + 0.5)} %"


DESCRIPTIONS: dict[ColdKind, str] = {
    "apart": "a few samples hold the weight before anything is learnt",
    "lost": "the mean loss has risen again, and a few samples hold the weight",
    "stalled": "a few samples hold the weight and little is learnt",
}

# The defaults of the guard, src/schedule/feedback/guard.ts, cold-start.ts and beginning.ts.
LAG = 32
MIN_ESS_RATIO = 0.15
MAX_LOSS_RATIO = 5.0
PATIENCE = 20
FACTOR = 4.0
COLD_STEPS = 256
COLD_LAG = 4
COLD_EARLIEST = 8
COLD_PATIENCE = 3
COLD_FACTOR = 64.0
COLD_OFF = 16.0
COLD_MIN_ESS_RATIO = 0.8
COLD_MIN_LASTING_ESS_RATIO = 0.6
COLD_STALLED = 64
COLD_MIN_STALLED_ESS_RATIO = 0.3
LEAST_SAMPLES = 4
MANY_SAMPLES = 32
MOST_TOGETHER = 8
NOT_FINITE_STEPS = 3
LEARNT = 0.95
LITTLE = 0.8
WORSE = 1.5
OFF_FROM = 1e5
