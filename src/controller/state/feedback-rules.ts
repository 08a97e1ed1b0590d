/** Feedback schedules: which decisions can be made, and how far rows can be planned with them. Pure. */
import { toAbsgdError } from '../../errors.js'
import type { Decided } from '../../record/control-edit.js'
import { extendQuietPeriod, type BackOff } from '../../schedule/feedback/guard.js'
import type { FeedbackRule, ReportedStep } from '../../schedule/feedback/feedback-rule.js'
import type { Layer } from '../../schedule/edit-layers.js'
import type { Segment } from '../../schedule/segment.js'
import {
  isKnown,
  lookAt,
  restoreWindow,
  startFeedbackWindow,
  type FeedbackWindow,
  type Outlook,
} from './feedback-window.js'

/** A rule, and the steps of a control that it decides. */
export interface ControlRule {
  readonly control: string
  /** The steps [from, to): a decision for `from`, and one every `rule.every` steps. */
  readonly from: number
  readonly to: number
  readonly rule: FeedbackRule
}

export interface Feedback {
  readonly back: FeedbackWindow
  /** Ascending by step; of the visible history. */
  readonly decisions: readonly Decided[]
}

export function startFeedback(): Feedback {
  return { back: startFeedbackWindow(), decisions: [] }
}

/** The stretches of a run's controls that are decided while it trains. @param runSteps 0 for a run without end */
export function rulesOf(
  segments: ReadonlyMap<string, readonly Segment[]>,
  runSteps: number,
): readonly ControlRule[] {
  const end = runSteps === 0 ? Infinity : runSteps
  return [...segments].flatMap(([control, laidOut]) =>
    laidOut.flatMap(({ from, to, rule }) =>
      rule === undefined || from >= end ? [] : { control, from, to: Math.min(to, end), rule },
    ),
  )
}

/** How far back the rules look, decisions that a late controller catches up with included. */
export function reachOfRules(rules: readonly ControlRule[]): number {
  return Math.max(0, ...rules.map(({ rule }) => rule.lag + rule.window + rule.every))
}

export interface Advance {
  readonly feedback: Feedback
  readonly decided: readonly Decided[]
  /** None begins before a step of lambda that is decided already. */
  readonly backOffs: readonly BackOff[]
}

export interface AdvanceOptions {
  readonly rules: readonly ControlRule[]
  /** Edits that lie over the run's schedules. */
  readonly layers: readonly Layer[]
  readonly outlook: Outlook
  readonly attempt: number
  /** False where the decisions are read from a log. @default true */
  readonly decides?: boolean
  /** Throws for a value that the control does not take. */
  readonly requireInRange: (control: string, values: Float64Array) => void
}

/**
 * Looks at the steps that are known by now, one after the other, and decides after each what it permits: what is decided
 * never depends on how many of them came at once.
 */
export function advance(before: Feedback, options: AdvanceOptions): Advance {
  const { rules, layers, outlook, decides = true } = options
  const backOffs: BackOff[] = []
  const decided: Decided[] = []
  const ofLambda = rules.filter(({ control }) => control === 'lambda')
  let { back, decisions } = before
  const decide = () => {
    if (!decides) return
    for (const rule of rules) {
      for (let made = nextDecision(rule, back, decisions, options); made !== undefined;) {
        decided.push(made)
        decisions = [...decisions, made].slice(-DECISIONS_KEPT)
        made = nextDecision(rule, back, decisions, options)
      }
    }
  }
  decide()
  const { reported } = before.back
  let looked = 0
  for (; looked < reported.length && isKnown(back, reported[looked]!, outlook); looked++) {
    const { after, backOff } = lookAt(back, reported[looked]!, outlook)
    back = after
    decide()
    if (backOff === undefined) continue
    if (backOff.factor === 1) {
      backOffs.push(backOff)
      continue
    }
    // What is decided has been planned; what is not, has not, however many reports came at once.
    const through = plannableThrough(ofLambda, decisions, layers)
    const from = Math.max(backOff.from, Number.isFinite(through) ? through : 0)
    backOffs.push({ ...backOff, from })
    back = { ...back, guard: extendQuietPeriod(back.guard, from - backOff.from) }
  }
  if (looked > 0) back = { ...back, reported: reported.slice(looked) }
  return { feedback: { back, decisions }, decided, backOffs }
}

/** The first step that cannot be planned yet; Infinity where nothing is to be decided. @param layers - Edits that replace a rule */
export function plannableThrough(
  rules: readonly ControlRule[],
  decisions: readonly Decided[],
  layers: readonly Layer[],
): number {
  const limits = rules.map((rule) => {
    const through = decidedThrough(rule, decisions)
    const replaced = layers.some(
      ({ control, from, to }) => control === rule.control && to.kind === 'segments' && from <= through,
    )
    return through >= rule.to || replaced ? Infinity : through
  })
  return Math.min(Infinity, ...limits)
}

/** The segments of a control with what was decided in place of its rules. */
export function decidedSegments(
  control: string,
  segments: readonly Segment[],
  decisions: readonly Decided[],
): readonly Segment[] {
  const own = decisions.filter((decision) => decision.control === control)
  return segments.flatMap((segment) => {
    if (segment.rule === undefined) return segment
    const inside = own.filter(({ position: { step } }) => step >= segment.from && step < segment.to)
    const starts = [
      { step: segment.from, value: segment.init },
      ...inside.map(({ position, value }) => ({ step: position.step, value })),
    ]
    return starts.flatMap(({ step, value }, i): Segment[] => {
      const to = starts[i + 1]?.step ?? segment.to
      return to === step ? [] : [{ from: step, to, curve: 'constant', init: value, end: value, over: 0 }]
    })
  })
}

/** First step after `first` at which a plan ends, so that what is in a plan does not depend on when it was sent. */
export function cutOf(rules: readonly ControlRule[], first: number): number {
  const cuts = rules.map(({ from, to, rule }) => {
    if (first < from) return from
    if (first >= to) return Infinity
    return Math.min(to, from + (Math.floor((first - from) / rule.every) + 1) * rule.every)
  })
  return Math.min(Infinity, ...cuts)
}

/** After a return to the checkpoint of `toStep`. */
export function returnTo(
  { back, decisions }: Feedback,
  rules: readonly ControlRule[],
  toStep: number,
): Feedback {
  return { back: restoreWindow(back, toStep), decisions: decisionsAfter(decisions, rules, toStep) }
}

/** A decision stands where all that it looked at does. */
export function decisionsAfter(
  decisions: readonly Decided[],
  rules: readonly ControlRule[],
  toStep: number,
): readonly Decided[] {
  return decisions.filter(({ control, position: { step } }) => {
    const rule = rules.find((one) => one.control === control && one.from <= step && step < one.to)
    return rule !== undefined && step - rule.rule.lag < toStep
  })
}

function nextDecision(
  { control, from, to, rule }: ControlRule,
  back: FeedbackWindow,
  decisions: readonly Decided[],
  { attempt, requireInRange }: AdvanceOptions,
): Decided | undefined {
  const last = lastOf(control, from, to, decisions)
  const step = last === undefined ? from : last.position.step + rule.every
  if (step >= to || back.front <= step - rule.lag) return undefined
  const made = { type: 'decided', control, position: { attempt, step } } as const
  const held = last?.value ?? rule.initial
  // A rule that failed once is not asked again.
  if (last?.stateJson === '') return { ...made, value: held, stateJson: '', mark: '' }
  try {
    const window = windowOf(back.seen, step, rule)
    const state: unknown = last === undefined ? rule.start : JSON.parse(last.stateJson)
    const { value, state: next, saturated, mark = '' } = rule.decide(window, state, step)
    requireInRange(control, Float64Array.of(value))
    return {
      ...made,
      value,
      stateJson: JSON.stringify(next ?? null),
      ...(saturated === undefined ? {} : { saturated }),
      mark,
    }
  } catch (thrown) {
    const { message, hint } = toAbsgdError(thrown, 'experiment')
    const mark = `${message}${hint === undefined ? '' : ` (${hint})`}: ${control} stays at ${held}`
    return { ...made, value: held, stateJson: '', mark }
  }
}

function decidedThrough({ control, from, to, rule }: ControlRule, decisions: readonly Decided[]): number {
  const last = lastOf(control, from, to, decisions)
  return last === undefined ? from : Math.min(to, last.position.step + rule.every)
}

function lastOf(
  control: string,
  from: number,
  to: number,
  decisions: readonly Decided[],
): Decided | undefined {
  return decisions.findLast(
    (one) => one.control === control && one.position.step >= from && one.position.step < to,
  )
}

function windowOf(
  seen: readonly ReportedStep[],
  step: number,
  { lag, window }: FeedbackRule,
): readonly ReportedStep[] {
  return seen.filter((report) => report.step <= step - lag && report.step > step - lag - window)
}

/** As many as rows are planned with, and far more than a return to a checkpoint on disk needs. */
const DECISIONS_KEPT = 16_384
