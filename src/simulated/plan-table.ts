/** The rows that the controller has sent ahead (proto/README.md, "Plans"). Pure. */
import type { Plan, PlanEvent } from '../record/record.js'
import type { Row } from './trainer.js'

export interface PlanTable {
  readonly attempt: number
  /** The first step that has not begun. */
  readonly begun: number
  /** The sequence of the newest plan. */
  readonly lastSeq: number
  /** 0 while unknown. */
  readonly runSteps: number
  /** Descending by sequence. */
  readonly plans: readonly Plan[]
}

export const EMPTY_TABLE: PlanTable = { attempt: 0, begun: 0, lastSeq: 0, runSteps: 0, plans: [] }

/** The row of one step, and the events right after it, in order. */
export interface PlannedStep {
  readonly row: Row
  readonly events: readonly PlanEvent['kind'][]
}

/** Continues at `step` of `attempt`. Plans of another attempt are dropped. */
export function beginAttempt(table: PlanTable, attempt: number, step: number): PlanTable {
  if (attempt === table.attempt) return { ...table, begun: step }
  return { ...table, attempt, begun: step, lastSeq: 0, plans: [] }
}

/** Adds a plan. `effectiveFrom` is the first step that uses it. Undefined for a plan of another attempt, which is dropped. */
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

/** The row and events of `step`; undefined while no plan covers it. */
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

/** The first step without a row, from the next step on. */
export function plannedThrough({ plans, begun }: PlanTable): number {
  let step = begun
  for (let plan = covering(plans, step); plan !== undefined; plan = covering(plans, step)) step = endOf(plan)
  return step
}

/** Whether `step` is behind the end of the run, as far as the plans tell. */
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
