/** The rows that the controller sent ahead: what to apply at which step (proto/README.md, "Plans"). */
import type { Plan, PlanEvent } from '../record/record.js'
import type { Row } from './trainer.js'

export interface PlanTable {
  readonly attempt: number
  /** The first step that has not begun. */
  readonly begun: number
  /** Of the newest plan. */
  readonly lastSeq: number
  /** 0 while unknown. */
  readonly runSteps: number
  /** The highest sequence first. */
  readonly plans: readonly Plan[]
}

export const EMPTY_TABLE: PlanTable = { attempt: 0, begun: 0, lastSeq: 0, runSteps: 0, plans: [] }

/** What one step applies, and what happens right after it, in order. */
export interface PlannedStep {
  readonly row: Row
  readonly events: readonly PlanEvent['kind'][]
}

/** The next step to begin is `step` of `attempt`; rows of another attempt are void. */
export function beginAttempt(table: PlanTable, attempt: number, step: number): PlanTable {
  if (attempt === table.attempt) return { ...table, begun: step }
  return { ...table, attempt, begun: step, lastSeq: 0, plans: [] }
}

/** The first step that the plan reaches is `effectiveFrom`; undefined for a plan of another attempt, which is dropped. */
export function withPlan(
  table: PlanTable,
  plan: Plan,
): { readonly table: PlanTable; readonly effectiveFrom: number } | undefined {
  if (plan.attempt !== table.attempt) return undefined
  const newest = plan.planSeq > table.lastSeq
  const ahead = table.plans.filter((other) => endOf(other) > table.begun && other.planSeq !== plan.planSeq)
  return {
    effectiveFrom: Math.max(plan.firstStep, table.begun),
    table: {
      ...table,
      ...(newest ? { lastSeq: plan.planSeq, runSteps: plan.runSteps } : {}),
      plans: [...ahead, plan].sort((a, b) => b.planSeq - a.planSeq),
    },
  }
}

/** What `step` applies; undefined while no plan covers it. */
export function plannedStep({ plans }: PlanTable, step: number): PlannedStep | undefined {
  const plan = covering(plans, step)
  if (plan === undefined) return undefined
  const row: Record<string, number> = {}
  for (const [name, values] of Object.entries(plan.columns)) {
    row[name] = values.length === 1 ? values[0]! : values[step - plan.firstStep]!
  }
  const kinds = plan.events.filter(({ afterStep }) => afterStep === step).map(({ kind }) => kind)
  return { row, events: EVENT_ORDER.filter((kind) => kinds.includes(kind)) }
}

/** The first step from the next one on that has no row. */
export function plannedThrough({ plans, begun }: PlanTable): number {
  let step = begun
  for (let plan = covering(plans, step); plan !== undefined; plan = covering(plans, step)) step = endOf(plan)
  return step
}

/** Whether the run ends before `step`, as far as the plan tells. */
export function isOver({ runSteps }: PlanTable, step: number): boolean {
  return runSteps > 0 && step >= runSteps
}

function covering(plans: readonly Plan[], step: number): Plan | undefined {
  return plans.find((plan) => plan.firstStep <= step && step < endOf(plan))
}

function endOf({ firstStep, count }: Plan): number {
  return firstStep + count
}

const EVENT_ORDER = ['evaluate', 'checkpoint'] as const
