/** Feedback schedules of λ that keep the effective sample size (ESS) or the KL divergence of the weights at a target. */
import { AbsgdError } from '../../errors.js'
import { solveEss, solveKl, type Solution, type SolveOptions } from '../../weighting/solve-lambda.js'
import { off } from '../anneal.js'
import { durationOf, isNothing, type DurationLike } from '../duration.js'
import { scheduleOf, type Schedule } from '../schedule.js'
import { requireTiming, type Timing } from './feedback-timing.js'
import type { Decision, FeedbackRule, ReportedStep } from './feedback-rule.js'

export interface TargetOptions extends Timing {
  /** Sign of λ. +1: high losses get more weight; -1: less weight. */
  readonly sign: 1 | -1
  /** Bounds of |λ|, in units of loss: 0 < min ≤ max < ∞. */
  readonly min: number
  readonly max: number
  /** Duration for which λ is off at first, above 0: the losses of an untrained network contain no information about its labels. */
  readonly after: DurationLike
  /** Largest factor by which |λ| changes from one decision to the next. Above 1. @default 1.1 */
  readonly maxChange?: number
}

/** λ that gives the ESS ratio `ratio`, ESS/B in (0, 1). With a share ε of wrong labels, about 1 − ε is a good target for λ < 0. */
export function targetEss({ ratio, ...options }: TargetOptions & { readonly ratio: number }): Schedule {
  requireShare('targetEss', 'ratio', ratio, 'a number above 0, below 1', ratio > 0 && ratio < 1)
  return target('targetEss', ratio, options, (batches, bounds) => solveEss(batches, ratio, bounds))
}

/** λ that gives the KL divergence `kl` of the weights from even weights, in nats, above 0. */
export function targetKl({ kl, ...options }: TargetOptions & { readonly kl: number }): Schedule {
  requireShare('targetKl', 'kl', kl, 'a finite number above 0', kl > 0 && Number.isFinite(kl))
  return target('targetKl', kl, options, (batches, bounds) => solveKl(batches, kl, bounds))
}

interface TargetState {
  /** |λ|. */
  readonly size: number
  readonly held: 'min' | 'max' | null
}

type Solve = (batches: readonly Float32Array[], bounds: SolveOptions) => Solution

function target(name: string, wanted: number, options: TargetOptions, solve: Solve): Schedule {
  const { sign, min, max, after, maxChange = 1.1 } = options
  const timing = requireTiming(name, options)
  if (sign !== 1 && sign !== -1)
    throw new AbsgdError('experiment', `sign of ${name} is ${String(sign)}`, { hint: 'it takes 1 or -1' })
  if (!(min > 0 && min <= max && Number.isFinite(max))) {
    throw new AbsgdError('experiment', `${name} holds |λ| within ${String(min)} to ${String(max)}`, {
      hint: 'it takes 0 < min ≤ max < ∞: without a lower bound λ runs to 0 on clean labels, and training collapses',
    })
  }
  if (!(maxChange > 1 && Number.isFinite(maxChange))) {
    throw new AbsgdError('experiment', `maxChange of ${name} is ${String(maxChange)}`, {
      hint: 'it takes a finite factor above 1',
    })
  }
  const before = after === undefined ? undefined : durationOf(after, `after of ${name}`)
  if (before === undefined || isNothing(before)) {
    throw new AbsgdError('experiment', `${name} begins at once`, {
      hint: 'give it an off phase, after: epochs(5) or so: from step 0 on it collapses more often than not',
    })
  }
  const bounds = { sign, min, max }

  function decide(window: readonly ReportedStep[], state: TargetState): Decision<TargetState> {
    const batches = window.flatMap(({ losses }) => losses ?? [])
    if (batches.length === 0) return { value: sign * state.size, state }
    const solved = Math.abs(solve(batches, bounds).lambda)
    const size = Math.min(state.size * maxChange, Math.max(state.size / maxChange, solved))
    const saturated = size <= min ? 'min' : size >= max ? 'max' : undefined
    const held = saturated ?? null
    return {
      value: sign * size,
      state: { size, held },
      ...(saturated === undefined ? {} : { saturated }),
      ...(held === state.held ? {} : { mark: markOf(held, bounds) }),
    }
  }

  const rule: FeedbackRule<TargetState> = {
    name: `${name} ${wanted}, |λ| within ${min} to ${max}`,
    ...timing,
    needsLosses: true,
    initial: sign * max,
    start: { size: max, held: null },
    decide,
  }
  return scheduleOf({
    kind: 'join',
    parts: [off().for(before), scheduleOf({ kind: 'feedback', rule })],
  })
}

function markOf(held: 'min' | 'max' | null, { min, max }: SolveOptions): string {
  if (held === null) return 'λ is within its bounds again'
  const bound = held === 'min' ? `min ${min}` : `max ${max}`
  return `λ is held by its ${bound}: the target lies beyond`
}

function requireShare(name: string, what: string, value: number, permitted: string, holds: boolean): void {
  if (holds) return
  throw new AbsgdError('experiment', `${what} of ${name} is ${String(value)}`, {
    hint: `it takes ${permitted}`,
  })
}
