/** Edits asked of a controller's pure half. */
import type { Action, ControlEdit, Plan, Request } from '../../src/record/record.js'
import { type ControllerContext, initialState } from '../../src/controller/state/state.js'
import { context, drive, hello, sent, stepBatch } from './controller.js'

type SetAction = Extract<Action, { type: 'set' }>
export const to = (
  control: string,
  value: string,
  when: ControlEdit['when'] = { kind: 'soon' },
): ControlEdit => ({
  control,
  to: value.startsWith('*')
    ? { kind: 'factor', factor: Number(value.slice(1)) }
    : { kind: 'schedule', text: value },
  when,
})
export const set = (
  edits: readonly ControlEdit[],
  more: Partial<Request> & Partial<SetAction> = {},
): Request => {
  const { id = 'r1', by = 'cli', checkpoint: saves = false } = more
  return { type: 'request', id, by, why: '', action: { type: 'set', edits, checkpoint: saves } }
}
export const at = (step: number) => ({ kind: 'at', step }) as const

/** A run of 200 steps with λ = 2 that stands after 10. */
export function standing(using: ControllerContext = context) {
  const controller = drive(initialState(), using)
  controller.message(hello({ initial: { lr: 0.1 } }))
  controller.telemetry(stepBatch(0, 10))
  controller.message({
    type: 'progress',
    leaseEpoch: 1,
    position: { attempt: 1, step: 10 },
    phase: 'paused',
    waits: 0,
    waitedSeconds: 0,
  })
  return controller
}

export const plans = (effects: Parameters<typeof sent>[0]) =>
  sent(effects).filter((message): message is Plan => message.type === 'plan')
export const ack = (planSeq: number, effectiveFrom: number) =>
  ({ type: 'plan-ack', leaseEpoch: 1, planSeq, attempt: 1, effectiveFrom }) as const
