"""Whether a training run collapses under lambda, judged from the figures of its steps. Pure.

The twin of `src/schedule/feedback/guard.ts`, bound to it by `proto/golden/guard.json`; without the rule about
classes, as a script's labels are rarely known. See "The guard" in docs/schedules.md.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, TypeAlias

from absgd_worker.attach.checks.collapse_beginning import (
    Beginning,
    SeenStep,
    is_even,
    is_small,
    mean_of,
    times_of,
    with_step,
)


class Watch(NamedTuple):
    """What is remembered between steps."""

    narrow: int = 0
    """Steps in a row with too small an effective sample size."""
    apart: int = 0
    """Steps in a row in which samples drew apart before anything was learnt."""
    lopsided: int = 0
    """Steps of a cold start in a row in which much less than the batch held the weight."""
    has_learnt: bool = False
    """Whether the mean loss of a cold start has fallen by then."""
    is_told: bool = False
    """Whether something was said that lambda does not back off for: once is enough."""
    not_finite: int = 0
    """Steps in a row whose mean loss was not finite."""
    losses: tuple[float, ...] = ()
    """The newest finite mean losses, at most `PATIENCE`."""
    ess_ratios: tuple[float, ...] = ()
    """The newest ESS ratios."""
    first: Beginning = Beginning()
    quiet_until: int = 0
    """Steps before this one do not show the last back-off yet."""
    cold_quiet_until: int = 0
    """The same for what is seen of a cold start alone."""
    cold_until: int | None = None
    """The run is watched as a cold start up to this step; None before lambda was on."""
    is_untrained: bool = False
    """Whether the losses of the first batch that was weighed were alike, as an untrained model's are."""


ColdKind: TypeAlias = Literal["apart", "lost", "stalled"]
Kind: TypeAlias = Literal["apart", "lost", "stalled", "narrow", "ran away", "not finite"]


class BackOff(NamedTuple):
    """What the guard does, or would do."""

    step: int
    """The last step that was seen."""
    begin: int
    """The first step that it is to hold for."""
    factor: float
    """By what |lambda| is to be multiplied; 1 where it is said alone."""
    kind: Kind
    mark: str
    """What was seen, for people."""


def watch(before: Watch, seen: SeenStep) -> tuple[Watch, BackOff | None]:
    """The state after one more step, and whether lambda is to back off; not where it is off."""
    state, ess, loss = _noted(before, seen)
    if not math.isfinite(seen.lam) or abs(seen.lam) >= OFF_FROM * (_scale(seen, state.first) or 1):
        return state, None
    found = _drawn_apart(state, seen, ess, loss)
    if found is None and seen.step >= state.quiet_until:
        found = _at_any_time(state, seen, ess) or _lopsided(state, seen, ess)
    return (state, None) if found is None else found


def _drawn_apart(state: Watch, seen: SeenStep, ess: float, loss: float) -> tuple[Watch, BackOff] | None:
    earliest = (state.cold_until or 0) - COLD_STEPS + COLD_EARLIEST
    if state.apart < COLD_PATIENCE or seen.step < max(state.cold_quiet_until, earliest):
        return None
    kind = "lost" if state.has_learnt else "apart"
    if seen.lam < 0 or not state.has_learnt:
        return _backed_off_cold(state, seen, kind, ess, loss)
    # Lambda above 0 raises the loss of what is easy, also in runs that learn it again by themselves.
    return None if state.is_told else _told(state, seen.step, kind, ess, loss)


def _at_any_time(state: Watch, seen: SeenStep, ess: float) -> tuple[Watch, BackOff] | None:
    found = _narrowness(state, ess) if state.narrow >= PATIENCE else _ran_away(state, seen.lam)
    if found is None:
        return None
    after = state._replace(narrow=0, quiet_until=seen.step + 2 * LAG + PATIENCE)
    return after, BackOff(seen.step, seen.step + LAG, FACTOR, *found)


def _lopsided(state: Watch, seen: SeenStep, ess: float) -> tuple[Watch, BackOff] | None:
    lately = mean_of(state.losses)
    if not lately >= times_of(state.first.early, LITTLE):
        return None
    if seen.lam < 0:
        return _backed_off_cold(state, seen, "apart", ess, lately) if state.lopsided >= PATIENCE else None
    if state.is_told or state.lopsided < COLD_STALLED:
        return None
    return _told(state, seen.step, "stalled", ess, lately)


def _told(state: Watch, step: int, kind: ColdKind, ess: float, loss: float) -> tuple[Watch, BackOff]:
    """What may be no collapse is said, once, and lambda stays as it is."""
    mark = f"{SEEN[kind]} {_figures(state, ess, loss)}"
    return state._replace(is_told=True), BackOff(step, step + 1, 1.0, kind, mark)


def _backed_off_cold(
    state: Watch, seen: SeenStep, kind: ColdKind, ess: float, loss: float
) -> tuple[Watch, BackOff]:
    step = seen.step
    quiet = step + 2 * COLD_LAG + COLD_PATIENCE
    after = state._replace(
        narrow=0, apart=0, lopsided=0, quiet_until=max(state.quiet_until, quiet), cold_quiet_until=quiet
    )
    factor = _cold_factor(seen.lam, _scale(seen, state.first))
    return after, BackOff(step, step + COLD_LAG, factor, kind, f"{SEEN[kind]} {_figures(state, ess, loss)}")


def _figures(state: Watch, ess: float, loss: float) -> str:
    return (
        f"(effective sample size {_percent(ess)} of the batch, unweighted mean loss {loss:.3g}, "
        f"at first {state.first.loss:.3g})"
    )


def _narrowness(state: Watch, ess: float) -> tuple[Literal["narrow"], str]:
    share = f"effective sample size {_percent(ess)} of the batch"
    return "narrow", f"for {state.narrow} steps a few samples held the weight ({share})"


def _noted(before: Watch, seen: SeenStep) -> tuple[Watch, float, float]:
    """The state with one more step; the ESS ratio and mean loss of as many steps as are looked at as one."""
    is_weighed, is_finite = math.isfinite(seen.lam), math.isfinite(seen.mean_loss)
    first = with_step(before.first, seen)
    losses = (*before.losses, seen.mean_loss)[-PATIENCE:] if is_finite else before.losses
    ess_ratios = before.ess_ratios
    if math.isfinite(seen.ess_ratio):
        ess_ratios = (*ess_ratios, seen.ess_ratio)[-MOST_TOGETHER:]
    # One small batch says little: as many as have 32 samples are looked at as one.
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
    # Lambda above 0 puts the weight on few samples on purpose.
    most = COLD_MIN_LASTING_ESS_RATIO if seen.lam < 0 else COLD_MIN_STALLED_ESS_RATIO
    is_lopsided = is_early and ess < most
    # ESS/B cannot come below 1/B; lambda above 0 puts the weight on the few hardest samples on purpose.
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


def _ran_away(state: Watch, lam: float) -> tuple[Literal["ran away", "not finite"], str] | None:
    if state.not_finite >= NOT_FINITE_STEPS:
        return "not finite", f"the unweighted mean loss has not been finite for {state.not_finite} steps"
    least, steps = state.first.least, state.first.least_steps
    if steps == 0 or len(state.losses) < PATIENCE:
        return None
    now = mean_of(state.losses)
    # Lambda above 0 raises the loss of what is easy on purpose.
    if not now > times_of(least, 2 * MAX_LOSS_RATIO if lam > 0 else MAX_LOSS_RATIO):
        return None
    times = f"{now / least:.2g} times that of the first {steps} steps"
    return "ran away", f"the unweighted mean loss is {now:.3g}, {times}"


def _scale(seen: SeenStep, first: Beginning) -> float:
    """Of the losses, at first or now: the larger one."""
    return max(abs(first.loss), abs(seen.mean_loss) if math.isfinite(seen.mean_loss) else 0.0)


def _cold_factor(lam: float, scale: float) -> float:
    """Brings |lambda| to where it is off in all but name: a power of two."""
    needed = COLD_OFF * scale / abs(lam)
    return max(COLD_FACTOR, 2.0 ** math.ceil(math.log2(needed))) if 0 < needed < math.inf else COLD_FACTOR


def _percent(share: float) -> str:
    return f"{math.floor(100 * share + 0.5)} %"


SEEN: dict[ColdKind, str] = {
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
