"""Whether a training run collapses under lambda, judged from the figures of its steps. Pure.

The twin of `src/schedule/feedback/guard.ts`, bound to it by `proto/golden/guard.json`; without the rule about
classes, as a script's labels are rarely known. See "The guard" in docs/schedules.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple


class SeenStep(NamedTuple):
    """What is looked at of one step."""

    step: int
    lam: float
    """As applied; ±inf is off."""
    n: int
    """Samples of the batch."""
    mean_loss: float
    """Unweighted."""
    ess_ratio: float
    """Effective sample size over n, in (0, 1]."""
    weighted_loss: float
    """Σwℓ/Σw."""


class Beginning(NamedTuple):
    """What the run began with: the measure of everything else, so that units of loss do not matter."""

    steps: int = 0
    """Mean losses that were counted, at most `FIRST_STEPS`."""
    total: float = 0.0
    """Of those mean losses."""
    loss: float = 0.0
    """The first mean loss."""
    is_even: bool = False
    """Whether the losses of the first batch were alike: known where lambda was small then."""
    early: float = 0.0
    """The least of the means over the first k steps, k at most `FEW_STEPS`: before anything is learnt."""
    least: float = 0.0
    """The same, k at most `FIRST_STEPS`: a loss that runs away at once does not raise it."""
    least_steps: int = 0
    """That k; 0 while there is none."""


class Watch(NamedTuple):
    """What is remembered between steps."""

    narrow: int = 0
    """Steps in a row with too small an effective sample size."""
    apart: int = 0
    """Steps in a row in which samples drew apart before anything was learnt."""
    lopsided: int = 0
    """Steps of a cold start in a row in which much less than the batch held the weight."""
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


class BackOff(NamedTuple):
    """What the guard does, or would do."""

    step: int
    """The last step that was seen."""
    begin: int
    """The first step that it is to hold for."""
    factor: float
    """By what |lambda| is to be multiplied."""
    kind: Literal["apart", "narrow", "ran away", "not finite"]
    mark: str
    """What was seen, for people."""


def watch(before: Watch, seen: SeenStep) -> tuple[Watch, BackOff | None]:
    """The state after one more step, and whether lambda is to back off; not where it is off."""
    state, ess, loss = _noted(before, seen)
    step, scale = seen.step, _scale(seen, state.first)
    if not math.isfinite(seen.lam) or abs(seen.lam) >= OFF_FROM * (scale or 1):
        return state, None
    if state.apart >= COLD_PATIENCE and step >= state.cold_quiet_until:
        return _backed_off_cold(state, seen, ess, loss)
    if step < state.quiet_until:
        return state, None
    found = _narrowness(state, ess) if state.narrow >= PATIENCE else _ran_away(state, seen.lam)
    if found is not None:
        after = state._replace(narrow=0, quiet_until=step + 2 * LAG + PATIENCE)
        return after, BackOff(step, step + LAG, FACTOR, *found)
    lately = _mean(state.losses)
    if state.lopsided < PATIENCE or not lately >= _times(state.first.early, LITTLE):
        return state, None
    return _backed_off_cold(state, seen, ess, lately)


def _backed_off_cold(state: Watch, seen: SeenStep, ess: float, loss: float) -> tuple[Watch, BackOff]:
    step = seen.step
    quiet = step + 2 * COLD_LAG + COLD_PATIENCE
    after = state._replace(
        narrow=0, apart=0, lopsided=0, quiet_until=max(state.quiet_until, quiet), cold_quiet_until=quiet
    )
    mark = (
        f"a few samples hold the weight before anything is learnt (effective sample size {_percent(ess)} "
        f"of the batch, unweighted mean loss {loss:.3g}, at first {state.first.loss:.3g})"
    )
    factor = _cold_factor(seen.lam, _scale(seen, state.first))
    return after, BackOff(step, step + COLD_LAG, factor, "apart", mark)


def _narrowness(state: Watch, ess: float) -> tuple[Literal["narrow"], str]:
    share = f"effective sample size {_percent(ess)} of the batch"
    return "narrow", f"for {state.narrow} steps a few samples held the weight ({share})"


def _noted(before: Watch, seen: SeenStep) -> tuple[Watch, float, float]:
    """The state with one more step; the ESS ratio and mean loss of as many steps as are looked at as one."""
    is_weighed, is_finite = math.isfinite(seen.lam), math.isfinite(seen.mean_loss)
    first = _with_step(before.first, seen)
    losses = (*before.losses, seen.mean_loss)[-PATIENCE:] if is_finite else before.losses
    ess_ratios = before.ess_ratios
    if math.isfinite(seen.ess_ratio):
        ess_ratios = (*ess_ratios, seen.ess_ratio)[-MOST_TOGETHER:]
    # One small batch says little: as many as have 32 samples are looked at as one.
    together = min(MOST_TOGETHER, math.ceil(MANY_SAMPLES / seen.n)) if seen.n >= 1 else 1
    ess = _mean(ess_ratios[-together:])
    loss = _mean(losses[-max(together, COLD_PATIENCE) :])
    cold_until, is_untrained = before.cold_until, before.is_untrained
    if cold_until is None and is_weighed:
        is_cold = _is_small(seen.lam, first.loss) and _mean(losses) >= _times(first.early, LEARNT)
        cold_until, is_untrained = seen.step + COLD_STEPS if is_cold else 0, _is_even(seen)
    is_early = is_weighed and seen.step < (cold_until or 0)
    times = LEARNT if seen.lam < 0 and is_untrained else WORSE
    is_apart = is_early and ess < COLD_MIN_ESS_RATIO and loss >= _times(first.early, times)
    is_lopsided = is_early and seen.lam < 0 and ess < COLD_MIN_LASTING_ESS_RATIO
    # ESS/B cannot come below 1/B; lambda above 0 puts the weight on the few hardest samples on purpose.
    is_narrow = (
        is_weighed and seen.lam < 0 and seen.n >= LEAST_SAMPLES and ess < max(MIN_ESS_RATIO, 2 / seen.n)
    )
    state = before._replace(
        narrow=before.narrow + 1 if is_narrow else 0,
        apart=before.apart + 1 if is_apart else 0,
        lopsided=before.lopsided + 1 if is_lopsided else 0,
        not_finite=0 if is_finite else before.not_finite + 1,
        losses=losses,
        ess_ratios=ess_ratios,
        first=first,
        cold_until=cold_until,
        is_untrained=is_untrained,
    )
    return state, ess, loss


def _with_step(first: Beginning, seen: SeenStep) -> Beginning:
    loss = seen.mean_loss
    if first.steps >= FIRST_STEPS or not math.isfinite(loss):
        return first
    if first.steps == 0:
        is_even = _is_small(seen.lam, loss) and _is_even(seen)
        first = first._replace(loss=loss, early=loss, is_even=is_even)
    steps, total = first.steps + 1, first.total + loss
    first = first._replace(steps=steps, total=total)
    mean = total / steps
    # A few batches of unequal losses may all be lucky ones.
    if steps < FEW_STEPS and not first.is_even:
        return first
    if first.least_steps > 0 and mean > first.least:
        return first
    early = mean if steps <= FEW_STEPS else first.early
    return first._replace(early=early, least=mean, least_steps=steps)


def _is_even(seen: SeenStep) -> bool:
    """Whether the losses of a batch are alike, given a small lambda: those of a model that was trained before
    differ from the first batch on. Where lambda is too small for an ESS to tell, the weighted mean does."""
    gap = abs(seen.mean_loss - seen.weighted_loss)
    return seen.ess_ratio > EVEN_ESS_RATIO or gap < EVEN_GAP * abs(seen.mean_loss)


def _ran_away(state: Watch, lam: float) -> tuple[Literal["ran away", "not finite"], str] | None:
    if state.not_finite >= NOT_FINITE_STEPS:
        return "not finite", f"the unweighted mean loss has not been finite for {state.not_finite} steps"
    least, steps = state.first.least, state.first.least_steps
    if steps == 0 or len(state.losses) < PATIENCE:
        return None
    now = _mean(state.losses)
    # Lambda above 0 raises the loss of what is easy on purpose.
    if not now > _times(least, 2 * MAX_LOSS_RATIO if lam > 0 else MAX_LOSS_RATIO):
        return None
    times = f"{now / least:.2g} times that of the first {steps} steps"
    return "ran away", f"the unweighted mean loss is {now:.3g}, {times}"


def _is_small(lam: float, loss: float) -> bool:
    return abs(lam) < COLD_BELOW * abs(loss)


def _times(loss: float, times: float) -> float:
    """`times` as much as a loss that may be below 0, where more is always higher."""
    return loss + (times - 1) * abs(loss)


def _scale(seen: SeenStep, first: Beginning) -> float:
    """Of the losses, at first or now: the larger one."""
    return max(abs(first.loss), abs(seen.mean_loss) if math.isfinite(seen.mean_loss) else 0.0)


def _cold_factor(lam: float, scale: float) -> float:
    """Brings |lambda| to where it is off in all but name: a power of two."""
    needed = COLD_OFF * scale / abs(lam)
    return max(COLD_FACTOR, 2.0 ** math.ceil(math.log2(needed))) if 0 < needed < math.inf else COLD_FACTOR


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _percent(share: float) -> str:
    return f"{math.floor(100 * share + 0.5)} %"


# The defaults of the guard, src/schedule/feedback/guard.ts, cold-start.ts and beginning.ts.
LAG = 32
MIN_ESS_RATIO = 0.15
MAX_LOSS_RATIO = 5.0
PATIENCE = 20
FACTOR = 4.0
COLD_BELOW = 1.0
COLD_STEPS = 256
COLD_LAG = 4
COLD_PATIENCE = 3
COLD_FACTOR = 64.0
COLD_OFF = 16.0
COLD_MIN_ESS_RATIO = 0.8
COLD_MIN_LASTING_ESS_RATIO = 0.6
LEAST_SAMPLES = 4
MANY_SAMPLES = 32
MOST_TOGETHER = 8
NOT_FINITE_STEPS = 3
FIRST_STEPS = 100
FEW_STEPS = 10
EVEN_ESS_RATIO = 0.9
EVEN_GAP = 0.25
LEARNT = 0.95
LITTLE = 0.8
WORSE = 1.5
OFF_FROM = 1e5
