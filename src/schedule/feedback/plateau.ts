/** Changes a control when a metric stops getting better: names and rules of torch's ReduceLROnPlateau. */
import { AbsgdError } from '../../errors.js'
import { scheduleOf, type Schedule } from '../schedule.js'
import { requireTiming, type Timing } from './feedback-timing.js'
import type { Decision, FeedbackRule, ReportedStep } from './feedback-rule.js'

export interface PlateauOptions extends Timing {
  /** Initial value, within the bounds. */
  readonly init: number
  /** Factor of |value| at each change: finite, above 0, not 1. @default 0.1 */
  readonly factor?: number
  /** Number of checks without improvement before a change. @default 10 */
  readonly patience?: number
  /** Number of checks after a change that are ignored. @default 0 */
  readonly cooldown?: number
  /** Smallest relative improvement that counts. @default 1e-4 */
  readonly threshold?: number
  /** Bounds of |value|. @default 0 and ∞ */
  readonly min?: number
  readonly max?: number
  /** 'meanLoss', 'essRatio', a number that the task logs, or an evaluation's: 'val.accuracy'. @default 'meanLoss' */
  readonly metric?: string
  /** @default 'minimize' */
  readonly goal?: 'minimize' | 'maximize'
}

interface PlateauState {
  readonly value: number
  /** Null before the first check. */
  readonly best: number | null
  readonly bad: number
  readonly cooling: number
  /** The last step that was checked, so that an evaluation counts once. */
  readonly through: number
}

/**
 * A metric of steps is checked at each decision, as its mean over the window. A metric of evaluations is checked once for each
 * evaluation.
 *
 * @throws AbsgdError 'experiment' naming what is outside its range
 */
export function plateau(options: PlateauOptions): Schedule {
  const { init, factor = 0.1, patience = 10, cooldown = 0, threshold = 1e-4 } = options
  const { min = 0, max = Infinity, metric = 'meanLoss', goal = 'minimize' } = options
  requireRange('init', init, Number.isFinite(init), 'a finite number')
  requireRange(
    'factor',
    factor,
    factor > 0 && factor !== 1 && Number.isFinite(factor),
    'a finite number above 0 other than 1',
  )
  requireRange('patience', patience, Number.isSafeInteger(patience) && patience >= 0, 'a whole number from 0')
  requireRange('cooldown', cooldown, Number.isSafeInteger(cooldown) && cooldown >= 0, 'a whole number from 0')
  requireRange('threshold', threshold, threshold >= 0 && threshold < 1, 'a number from 0, below 1')
  requireRange('min', min, min >= 0 && min <= max, 'a number from 0, at most max')
  const size = Math.abs(init)
  requireRange('init', init, size >= min && size <= max, `a number whose size is within ${min} to ${max}`)
  requireRange('metric', metric, metric !== '', "a name, such as 'meanLoss' or 'val.accuracy'")
  requireRange('goal', goal, goal === 'minimize' || goal === 'maximize', "'minimize' or 'maximize'")
  const timing = requireTiming('plateau', options)

  function decide(window: readonly ReportedStep[], before: PlateauState): Decision<PlateauState> {
    let state = before
    const marks: string[] = []
    for (const seen of looksOf(window, metric, state.through)) {
      const next = look(state, seen.value)
      if (next.value !== state.value) {
        const best = state.best === null ? '' : ` than ${short(state.best)}`
        const change = `${short(state.value)} → ${short(next.value)}`
        marks.push(`${metric} has been no better${best} for ${counted(state.bad + 1, 'look')}: ${change}`)
      }
      state = { ...next, through: seen.step }
    }
    return { value: state.value, state, ...(marks.length === 0 ? {} : { mark: marks.join('; ') }) }
  }

  function look(state: PlateauState, value: number): PlateauState {
    // No value improves on an infinite best value by a share of it.
    const better = Number.isFinite(value) && (state.best === null || isBetter(value, state.best))
    const best = better ? value : state.best
    const cooling = Math.max(0, state.cooling - 1)
    const bad = better || state.cooling > 0 ? 0 : state.bad + 1
    if (bad <= patience) return { ...state, best, bad, cooling }
    const size = Math.min(max, Math.max(min, Math.abs(state.value) * factor))
    return { ...state, best, bad: 0, cooling: cooldown, value: Math.sign(state.value) * size }
  }

  function isBetter(value: number, best: number): boolean {
    const margin = threshold * Math.abs(best)
    return goal === 'minimize' ? value < best - margin : value > best + margin
  }

  const rule: FeedbackRule<PlateauState> = {
    name: `plateau of ${metric} from ${init}, × ${factor}`,
    ...timing,
    // Each evaluation counts, even if there are several between two decisions.
    window: isOfEvaluations(metric) ? Math.max(timing.window, timing.every) : timing.window,
    needsLosses: false,
    initial: init,
    start: { value: init, best: null, bad: 0, cooling: 0, through: -1 },
    decide,
  }
  return scheduleOf({ kind: 'feedback', rule })
}

/** The values to check after the step `through`. */
function looksOf(
  window: readonly ReportedStep[],
  metric: string,
  through: number,
): readonly { readonly step: number; readonly value: number }[] {
  if (isOfEvaluations(metric)) {
    return window.flatMap(({ step, evaluation }) => {
      const value = evaluation?.[metric]
      return step <= through || value === undefined || Number.isNaN(value) ? [] : { step, value }
    })
  }
  const values = window.map((report) => valueOf(report, metric)).filter((value) => !Number.isNaN(value))
  const last = window.at(-1)
  if (last === undefined || values.length === 0 || last.step <= through) return []
  return [{ step: last.step, value: values.reduce((a, b) => a + b, 0) / values.length }]
}

function isOfEvaluations(metric: string): boolean {
  return metric.includes('.')
}

function valueOf(report: ReportedStep, metric: string): number {
  if (metric === 'meanLoss' || metric === 'essRatio' || metric === 'sumW') return report[metric]
  return report.metrics[metric] ?? NaN
}

/** Rounded for display, without the rounding errors of the product. */
function short(value: number): string {
  return String(Number(value.toPrecision(4)))
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

function requireRange(what: string, value: unknown, holds: boolean, permitted: string): void {
  if (holds) return
  throw new AbsgdError('experiment', `${what} of plateau is ${String(value)}`, {
    hint: `it takes ${permitted}`,
  })
}
