/** Plans and their acknowledgements. */
import type { Plan, PlanAck } from '../../record/record.js'
import type {
  Plan as WirePlan,
  PlanAck as WirePlanAck,
  PlanAckSchema,
  PlanSchema,
} from '../gen/absgd/v1/plan_pb.js'
import type { Arena } from './arrays.js'
import { planEventKinds, readWord, writeWord } from './enums.js'
import type { Init } from './init.js'
import { readColumns, writeColumns } from './named.js'
import { fromUint64, integerWithin, toUint64, violation } from './numbers.js'

export function readPlan(plan: WirePlan, arena: Arena): Plan {
  const count = integerWithin(plan.count, 1, MOST_ROWS, 'Plan.count')
  const firstStep = fromUint64(plan.firstStep, 'Plan.first_step')
  const isSingle = (bytes: Uint8Array) => bytes.length === Float64Array.BYTES_PER_ELEMENT
  const columns = readColumns(arena, plan.columns, (bytes) => (isSingle(bytes) ? 1 : count), 'Plan.columns')
  for (const [name, values] of Object.entries(columns)) checkRange(name, values)
  return {
    type: 'plan',
    leaseEpoch: plan.leaseEpoch,
    planSeq: fromUint64(plan.planSeq, 'Plan.plan_seq'),
    attempt: plan.attempt,
    firstStep,
    count,
    columns,
    events: plan.events.map(({ afterStep, kind }) => {
      const step = fromUint64(afterStep, 'PlanEvent.after_step')
      integerWithin(step, firstStep, firstStep + count - 1, 'PlanEvent.after_step')
      return { afterStep: step, kind: readWord(planEventKinds, kind, 'PlanEvent.kind') }
    }),
    runSteps: fromUint64(plan.runSteps, 'Plan.run_steps'),
  }
}

export function writePlan(plan: Plan): Init<typeof PlanSchema> {
  return {
    leaseEpoch: plan.leaseEpoch,
    planSeq: toUint64(plan.planSeq, 'Plan.plan_seq'),
    attempt: plan.attempt,
    firstStep: toUint64(plan.firstStep, 'Plan.first_step'),
    count: plan.count,
    columns: writeColumns(plan.columns),
    events: plan.events.map(({ afterStep, kind }) => ({
      afterStep: toUint64(afterStep, 'PlanEvent.after_step'),
      kind: writeWord(planEventKinds, kind),
    })),
    runSteps: toUint64(plan.runSteps, 'Plan.run_steps'),
  }
}

export function readPlanAck(ack: WirePlanAck): PlanAck {
  return {
    type: 'plan-ack',
    leaseEpoch: ack.leaseEpoch,
    planSeq: fromUint64(ack.planSeq, 'PlanAck.plan_seq'),
    attempt: ack.attempt,
    effectiveFrom: fromUint64(ack.effectiveFrom, 'PlanAck.effective_from'),
  }
}

export function writePlanAck(ack: PlanAck): Init<typeof PlanAckSchema> {
  return {
    leaseEpoch: ack.leaseEpoch,
    planSeq: toUint64(ack.planSeq, 'PlanAck.plan_seq'),
    attempt: ack.attempt,
    effectiveFrom: toUint64(ack.effectiveFrom, 'PlanAck.effective_from'),
  }
}

/** Checks the values of built-in controls. Controls that the user named may have any value. */
function checkRange(name: string, values: Float64Array): void {
  const range = RANGES[name]
  if (range === undefined) return
  const bad = values.find((value) => !range.holds(value))
  if (bad !== undefined) throw violation(`Plan.columns.${name}`, `holds ${bad}; it must be ${range.words}`)
}

const RANGES: Readonly<Record<string, { holds(value: number): boolean; words: string }>> = {
  lambda: { holds: (value) => value < 0 || value > 0, words: 'non-zero, or ±infinity for off' },
  gamma: { holds: (value) => value > 0 && value <= 1, words: 'in (0, 1]' },
  lr: { holds: (value) => value >= 0 && value < Infinity, words: 'finite and not negative' },
  momentum: { holds: (value) => value >= 0 && value < 1, words: 'in [0, 1)' },
  weight_decay: { holds: (value) => value >= 0 && value < Infinity, words: 'finite and not negative' },
  clip_norm: { holds: (value) => value > 0, words: 'above 0; infinity for none' },
}

const MOST_ROWS = 262_144
