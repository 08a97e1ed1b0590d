/** Reports as a rule sees them, and a rule driven as the controller drives it. */
import type { Decision, FeedbackRule, ReportedStep } from '../../../src/schedule/feedback/feedback-rule.js'
import { leavesOf } from '../../../src/schedule/schedule-parts.js'
import type { Schedule } from '../../../src/schedule/schedule.js'

export function report(step: number, given: Partial<ReportedStep> = {}): ReportedStep {
  return {
    step,
    lambda: Infinity,
    controls: {},
    n: 32,
    meanLoss: 1,
    essRatio: 1,
    sumW: 1,
    weightedLoss: NaN,
    topClassMass: NaN,
    topClassShare: NaN,
    metrics: {},
    ...given,
  }
}

/** The one rule of a schedule. */
export function ruleOf(schedule: Schedule): FeedbackRule {
  const rules = leavesOf(schedule).flatMap(({ shape }) => (shape.kind === 'feedback' ? shape.rule : []))
  if (rules.length !== 1) throw new Error(`the schedule has ${rules.length} rules`)
  return rules[0]!
}

export interface Decided extends Decision {
  readonly step: number
}

/** All decisions up to the step `until`, made on reports that may depend on the value of their step. */
export function drive(
  rule: FeedbackRule,
  until: number,
  reportOf: (step: number, value: number) => ReportedStep,
): readonly Decided[] {
  const reports: ReportedStep[] = []
  const decided: Decided[] = []
  let value = rule.initial
  let state: unknown = rule.start
  for (let step = 0; step < until; step++) {
    if (step % rule.every === 0) {
      const window = reports.filter(
        (seen) => seen.step <= step - rule.lag && seen.step > step - rule.lag - rule.window,
      )
      const decision = rule.decide(window, state, step)
      decided.push({ ...decision, step })
      value = decision.value
      // As the log keeps it.
      state = JSON.parse(JSON.stringify(decision.state ?? null))
    }
    reports.push(reportOf(step, value))
  }
  return decided
}

export function marksOf(decided: readonly Decided[]): readonly string[] {
  return decided.flatMap(({ mark }) => mark ?? [])
}
