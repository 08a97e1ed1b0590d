/** Feedback schedules: the decisions that reports permit so far, and how far rows can be planned with them. Pure. */
import { toAbsgdError } from '../../errors.js'
import type { Decided } from '../../record/control-edit.js'
import { extendQuietPeriod, type BackOff } from '../../schedule/feedback/guard.js'
import type { FeedbackRule, ReportedStep, RuleEdit } from '../../schedule/feedback/feedback-rule.js'
import type { Layer } from '../../schedule/edit-layers.js'
import type { Segment } from '../../schedule/segment.js'
import {
  addKnownStep,
  isKnown,
  returnWindow,
  startFeedbackWindow,
  type FeedbackWindow,
  type WindowOptions,
} from './feedback-window.js'

/** A feedback rule, and the steps of a control that it decides. */
export interface ControlRule {
  readonly control: string
  /** The rule decides the steps [from, to): once for `from`, and then every `rule.every` steps. */
  readonly from: number
  readonly to: number
  readonly rule: FeedbackRule
}

export interface Feedback {
  readonly window: FeedbackWindow
  /** Those of the visible history, ascending by step. */
  readonly decisions: readonly Decided[]
}

export function startFeedback(): Feedback {
  return { window: startFeedbackWindow(), decisions: [] }
}

/** The feedback rules of a run's controls. @param runSteps - 0 for a run without end */
export function rulesOf(
  segments: ReadonlyMap<string, readonly Segment[]>,
  runSteps: number,
): readonly ControlRule[] {
  const end = runSteps === 0 ? Infinity : runSteps
  return [...segments].flatMap(([control, parts]) =>
    parts.flatMap(({ from, to, rule }) =>
      rule === undefined || from >= end ? [] : { control, from, to: Math.min(to, end), rule },
    ),
  )
}

/** How many steps the rules look back, including decisions that a late controller still has to make. */
export function reachOfRules(rules: readonly ControlRule[]): number {
  return Math.max(0, ...rules.map(({ rule }) => rule.lag + rule.window + rule.every))
}

export interface Advance {
  readonly feedback: Feedback
  readonly decided: readonly Decided[]
  /** No back-off begins before a step of lambda that is decided already. */
  readonly backOffs: readonly BackOff[]
  /** Edits of rules, each from the step of its decision on, for which no row can have been planned before. */
  readonly edits: readonly DecidedEdit[]
}

export interface DecidedEdit extends RuleEdit {
  readonly control: string
  readonly step: number
}

export interface AdvanceOptions {
  readonly rules: readonly ControlRule[]
  /** Edits on top of the run's schedules. */
  readonly layers: readonly Layer[]
  readonly options: WindowOptions
  readonly attempt: number
  /** 0 for a run without end. */
  readonly runSteps: number
  /** False if the decisions are read from a log. @default true */
  readonly decides?: boolean
  /** Throws for a value outside of the control's range. */
  readonly requireInRange: (control: string, values: Float64Array) => void
}

/**
 * Adds the reported steps that are completely known, one after the other, and makes after each the decisions that it permits. Decisions
 * therefore never depend on how many steps arrived at once.
 */
export function advanceFeedback(before: Feedback, settings: AdvanceOptions): Advance {
  const { rules, layers, options, decides = true } = settings
  const backOffs: BackOff[] = []
  const decided: Decided[] = []
  const edits: DecidedEdit[] = []
  const ofLambda = rules.filter(({ control }) => control === 'lambda')
  let { window, decisions } = before
  const decide = () => {
    if (!decides) return
    for (const rule of rules) {
      for (let made = nextDecision(rule, window, decisions, settings); made !== undefined;) {
        decided.push(made.decided)
        if (made.edit !== undefined) edits.push(made.edit)
        decisions = [...decisions, made.decided].slice(-DECISIONS_KEPT)
        made = nextDecision(rule, window, decisions, settings)
      }
    }
  }
  decide()
  const { reported } = before.window
  let added = 0
  for (; added < reported.length && isKnown(window, reported[added]!, options); added++) {
    const { after, backOff } = addKnownStep(window, reported[added]!, options)
    window = after
    decide()
    if (backOff === undefined) continue
    // A warning without an edit.
    if (backOff.factor === 1) {
      backOffs.push(backOff)
      continue
    }
    // Exactly the decided steps have been planned, however many reports arrived at once.
    const through = plannableThrough(ofLambda, decisions, layers)
    const from = Math.max(backOff.from, Number.isFinite(through) ? through : 0)
    backOffs.push({ ...backOff, from })
    window = { ...window, guard: extendQuietPeriod(window.guard, from - backOff.from) }
  }
  if (added > 0) window = { ...window, reported: reported.slice(added) }
  return { feedback: { window, decisions }, decided, backOffs, edits }
}

/** The first step that cannot be planned yet; Infinity if no decision is open. @param layers - Edits that replace a rule */
export function plannableThrough(
  rules: readonly ControlRule[],
  decisions: readonly Decided[],
  layers: readonly Layer[],
): number {
  const limits = rules.map((rule) => {
    const through = decidedThrough(rule, decisions)
    if (rule.rule.isDone !== undefined) return through
    const replaced = layers.some(
      ({ control, from, to }) => control === rule.control && to.kind === 'segments' && from <= through,
    )
    return through >= rule.to || replaced ? Infinity : through
  })
  return Math.min(Infinity, ...limits)
}

/** The segments of a control, with the decided values in place of its rules. */
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

/** First step after `first` at which a plan ends, so that the content of a plan does not depend on when it was sent. */
export function cutOf(rules: readonly ControlRule[], first: number): number {
  const cuts = rules.map(({ from, to, rule }) => {
    if (first < from) return from
    if (first >= to) return Infinity
    return Math.min(to, from + (Math.floor((first - from) / rule.every) + 1) * rule.every)
  })
  return Math.min(Infinity, ...cuts)
}

/** Returns to the checkpoint of `toStep`. */
export function rewindFeedback(
  { window, decisions }: Feedback,
  rules: readonly ControlRule[],
  toStep: number,
): Feedback {
  return { window: returnWindow(window, toStep), decisions: decisionsAfter(decisions, rules, toStep) }
}

/** Keeps the decisions that rest on reports of steps before `toStep` only. */
export function decisionsAfter(
  decisions: readonly Decided[],
  rules: readonly ControlRule[],
  toStep: number,
): readonly Decided[] {
  return decisions.filter(({ control, position: { step } }) => {
    const own = rules.find((rule) => rule.control === control && rule.from <= step && step < rule.to)
    return own !== undefined && step - own.rule.lag < toStep
  })
}

function nextDecision(
  { control, from, to, rule }: ControlRule,
  { front, seen }: FeedbackWindow,
  decisions: readonly Decided[],
  { attempt, runSteps, requireInRange }: AdvanceOptions,
): { readonly decided: Decided; readonly edit?: DecidedEdit } | undefined {
  const last = lastOf(control, from, to, decisions)
  const step = last === undefined ? from : last.position.step + rule.every
  if (step >= to || front <= step - rule.lag || isDone(rule, last)) return undefined
  const decision = { type: 'decided', control, position: { attempt, step } } as const
  const current = last?.value ?? rule.initial
  // A rule that failed once is not called again.
  if (last?.stateJson === '') return { decided: { ...decision, value: current, stateJson: '', mark: '' } }
  try {
    const reports = reportsFor(seen, step, rule)
    const state: unknown = last === undefined ? rule.start : JSON.parse(last.stateJson)
    const made = rule.decide(reports, state, step, runSteps)
    const { value, state: next, saturated, mark = '', edit } = made
    requireInRange(control, Float64Array.of(value))
    const decided: Decided = {
      ...decision,
      value,
      stateJson: JSON.stringify(next ?? null),
      ...(saturated === undefined ? {} : { saturated }),
      mark,
    }
    return edit === undefined ? { decided } : { decided, edit: { ...edit, control, step } }
  } catch (thrown) {
    const { message, hint } = toAbsgdError(thrown, 'experiment')
    const mark = `${message}${hint === undefined ? '' : ` (${hint})`}: ${control} stays at ${current}`
    return { decided: { ...decision, value: current, stateJson: '', mark } }
  }
}

function isDone(rule: FeedbackRule, last: Decided | undefined): boolean {
  if (rule.isDone === undefined || last === undefined || last.stateJson === '') return false
  return rule.isDone(JSON.parse(last.stateJson))
}

function decidedThrough({ control, from, to, rule }: ControlRule, decisions: readonly Decided[]): number {
  const last = lastOf(control, from, to, decisions)
  if (last === undefined) return from
  return isDone(rule, last) ? to : Math.min(to, last.position.step + rule.every)
}

function lastOf(
  control: string,
  from: number,
  to: number,
  decisions: readonly Decided[],
): Decided | undefined {
  return decisions.findLast(
    ({ control: other, position: { step } }) => other === control && step >= from && step < to,
  )
}

/** The reports that a decision for `step` may rest on. */
function reportsFor(
  seen: readonly ReportedStep[],
  step: number,
  { lag, window }: FeedbackRule,
): readonly ReportedStep[] {
  return seen.filter((report) => report.step <= step - lag && report.step > step - lag - window)
}

/** Enough for all rows that are planned ahead, and far more than a return to a checkpoint on disk needs. */
const DECISIONS_KEPT = 16_384
