import { describe, expect, test } from 'vitest'
import type { Action, ControlEdit, Edited, Plan, Request } from '../../src/record/record.js'
import { recover, nothingRecovered, restarted, withUnsettled } from '../../src/controller/recovery.js'
import { appended, checkpoint, drive, hello, sent, stepBatch } from '../helpers/controller.js'

type SetAction = Extract<Action, { type: 'set' }>
const to = (control: string, value: string, when: ControlEdit['when'] = { kind: 'soon' }): ControlEdit => ({
  control,
  to: value.startsWith('*')
    ? { kind: 'factor', factor: Number(value.slice(1)) }
    : { kind: 'schedule', text: value },
  when,
})
const set = (edits: readonly ControlEdit[], more: Partial<Request> & Partial<SetAction> = {}): Request => {
  const { id = 'r1', by = 'cli', checkpoint: saves = false } = more
  return { type: 'request', id, by, why: '', action: { type: 'set', edits, checkpoint: saves } }
}
const at = (step: number) => ({ kind: 'at', step }) as const

/** A run of 200 steps with λ = 2 that stands after 10. */
function standing() {
  const controller = drive()
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

const plans = (effects: Parameters<typeof sent>[0]) =>
  sent(effects).filter((message): message is Plan => message.type === 'plan')
const ack = (planSeq: number, effectiveFrom: number) =>
  ({ type: 'plan-ack', leaseEpoch: 1, planSeq, attempt: 1, effectiveFrom }) as const

describe('an edit', () => {
  test('is recorded before its rows are sent, from its step to the end of what was planned', () => {
    const controller = standing()
    const effects = controller.message(set([to('lambda', '-3', at(50))]), 'op')
    expect(appended(effects).map(({ type }) => type)).toEqual(['requested', 'edited', 'plan'])
    expect(appended(effects)[1]).toMatchObject({ control: 'lambda', before: 2, after: -3, by: 'cli' })
    const [plan] = plans(effects)
    expect(plan).toMatchObject({ planSeq: 2, firstStep: 50, count: 150 })
    expect([...plan!.columns['lambda']!]).toEqual([-3])
  })

  test('is answered with the step from which on the worker has it, late or not', () => {
    const controller = standing()
    controller.message(set([to('lambda', '-3')]), 'op')
    const effects = controller.message(ack(2, 14))
    expect(appended(effects)).toMatchObject([{ type: 'plan-ack' }, { type: 'settled', result: { step: 14 } }])
    expect(sent(effects)).toMatchObject([{ type: 'request-result', ok: true, step: 14 }])
    expect(controller.state().edits).toMatchObject([{ effective: 14, settled: true }])
  })

  test('of a schedule begins with its own start; a factor multiplies what there is', () => {
    const controller = standing()
    const effects = controller.message(
      set([to('lambda', '4', at(100)), to('lambda', '*0.5', at(150)), to('lr', '0.25', at(100))]),
    )
    expect(plans(effects).map(({ firstStep, columns }) => [firstStep, columns['lambda']![0]])).toEqual([
      [100, 4],
      [150, 2],
    ])
    expect([...plans(effects)[0]!.columns['lr']!]).toEqual([0.25])
  })

  test('that brings in a control ends the plan before it', () => {
    const controller = standing()
    controller.message(set([to('lr', '0.25', at(100))]))
    controller.message(ack(2, 100))
    const again = controller.message(
      hello({ position: { attempt: 1, step: 10 }, plannedThrough: 20, initial: { lr: 0.1 } }),
      'p2',
    )
    expect(plans(again).map(({ firstStep, count, columns }) => [firstStep, count, 'lr' in columns])).toEqual([
      [20, 80, false],
      [100, 100, true],
    ])
  })

  test('that changes nothing is answered, and leaves no trace', () => {
    const controller = standing()
    const effects = controller.message(set([to('lambda', '2')]), 'op')
    expect(appended(effects)).toEqual([])
    expect(sent(effects)).toMatchObject([{ ok: true, message: 'lambda is 2 already' }])
  })

  test.each([
    ['a value outside the range', to('gamma', '1.5'), /gamma.* 1\.5; gamma takes numbers above 0, at most 1/],
    ['lambda 0', to('lambda', '0'), /lambda takes numbers other than 0/],
    ['a control that the run does not have', to('lamda', '2'), /unknown control "lamda".*"lambda"/],
    ['what the optimizer does not have', to('momentum', '0.5'), /no momentum; it has lr/],
    ['class_balance without labels', to('class_balance', '0.9'), /no labels; give Task\(labels=…\)/],
    ['a factor of what is not planned', to('lr', '*0.5'), /nothing planned to multiply; .*lr=0\.01/],
    ['a step that has begun', to('lambda', '3', at(9)), /step 9 has begun already/],
    ['a step beyond the run', to('lambda', '3', at(200)), /its last is step 199/],
  ])('is refused for %s', (_what, edit, words) => {
    const controller = standing()
    const effects = controller.message(set([to('lambda', '4'), edit]), 'op')
    expect(appended(effects).map(({ type }) => type)).toEqual(['requested', 'settled'])
    expect(sent(effects)).toMatchObject([{ ok: false, message: expect.stringMatching(words) as string }])
    expect(controller.state().edits).toEqual([])
  })
})

describe('of two edits of one control at one step', () => {
  const conflict = (first: string, second: string) => {
    const controller = standing()
    controller.message(set([to('lambda', '3', at(50))], { id: 'a', by: first }))
    const effects = controller.message(set([to('lambda', '5', at(50))], { id: 'b', by: second }), 'op')
    controller.message(ack(3, 50))
    return { controller, value: plans(effects)[0]?.columns['lambda']?.[0], effects }
  }

  test('the later counts among equals, and a person’s over a script’s over the guard’s', () => {
    expect(conflict('cli', 'cockpit').value).toBe(5)
    expect(conflict('script', 'cli').value).toBe(5)
    expect(conflict('cli', 'script').value).toBe(3)
    expect(conflict('script', 'guard').value).toBe(3)
  })

  test('the one that does not count is recorded all the same, and its answer says so', () => {
    const { controller, effects } = conflict('cli', 'script')
    expect(appended(effects).some(({ type }) => type === 'edited')).toBe(true)
    expect(Object.values(controller.state().answers).at(-1)?.message).toContain(
      'overruled by an edit of cli at the same step',
    )
  })
})

describe('an automatic checkpoint', () => {
  const edit = [to('lambda', '-3')]

  test('comes before an operator’s edit, which is made once it is written', () => {
    const controller = standing()
    const asked = controller.message(set(edit, { checkpoint: true }), 'op')
    expect(sent(asked)).toMatchObject([{ type: 'command', action: { type: 'checkpoint', automatic: true } }])
    const written = controller.message({
      type: 'command-result',
      leaseEpoch: 1,
      id: 'r1',
      ok: true,
      step: 11,
      message: '',
    })
    expect(appended(written).map(({ type }) => type)).toEqual(['edited', 'plan'])
    expect(sent(controller.message(ack(2, 12))).at(-1)).toMatchObject({
      message: 'lambda 2 → -3; checkpoint at step 11',
    })
  })

  test('that is refused costs the checkpoint, not the edit, and that is said', () => {
    const controller = standing()
    controller.message(set(edit, { checkpoint: true }), 'op')
    const message = 'refused: it would take 9 s'
    controller.message({ type: 'command-result', leaseEpoch: 1, id: 'r1', ok: false, step: 11, message })
    expect(sent(controller.message(ack(2, 12))).at(-1)).toMatchObject({
      ok: true,
      message: expect.stringContaining('no checkpoint: refused: it would take 9 s') as string,
    })
  })

  test('is written once a minute at the most', () => {
    const controller = standing()
    const commands = (id: string, value: string, nowMs: number) =>
      sent(controller.message(set([to('lambda', value)], { id, checkpoint: true }), 'op', nowMs)).filter(
        ({ type }) => type === 'command',
      ).length
    expect(commands('a', '3', 1000)).toBe(1)
    expect(commands('b', '4', 60_999)).toBe(0)
    expect(commands('c', '5', 61_000)).toBe(1)
  })
})

describe('undo', () => {
  test('returns to the newest checkpoint before the last edit, and takes back the edits from there on', () => {
    const controller = standing()
    controller.telemetry(checkpoint(5))
    controller.telemetry(checkpoint(10))
    controller.message(set([to('lambda', '3', at(8 + 12))], { id: 'a' }))
    controller.message(ack(2, 20))
    controller.message(set([to('lambda', '4', at(30))], { id: 'b' }))
    controller.message(ack(3, 30))
    const asked = controller.message(
      { type: 'request', id: 'u', by: 'cli', why: '', action: { type: 'undo' } },
      'op',
    )
    expect(sent(asked)).toMatchObject([{ action: { type: 'restore', step: 10, attempt: 2 } }])
    const done = controller.message({
      type: 'command-result',
      leaseEpoch: 1,
      id: 'u',
      ok: true,
      step: 10,
      message: 'restored',
    })
    expect(appended(done)[0]).toMatchObject({ type: 'rewind', attempt: 2, toStep: 10, cause: 'undo' })
    expect(controller.state().edits).toEqual([])
    expect([...plans(done)[0]!.columns['lambda']!]).toEqual(new Array(190).fill(2))
    expect(sent(done).find(({ type }) => type === 'request-result')).toMatchObject({
      message: 'restored; takes back 2 edits of lambda',
    })
  })

  test('is refused where there is nothing to undo, or no checkpoint before it', () => {
    const controller = standing()
    const undo = (id: string): Request => ({
      type: 'request',
      id,
      by: 'cli',
      why: '',
      action: { type: 'undo' },
    })
    expect(sent(controller.message(undo('u1'), 'op'))).toMatchObject([
      { message: 'there is no edit to undo' },
    ])
    controller.message(set([to('lambda', '3', at(20))]))
    expect(sent(controller.message(undo('u2'), 'op'))).toMatchObject([
      { ok: false, message: 'no checkpoint before the edit at step 20: there is none yet' },
    ])
  })
})

describe('a controller that takes up a run', () => {
  const edited: Edited = {
    type: 'edited',
    request: 'r1',
    by: 'cli',
    position: { attempt: 1, step: 50 },
    control: 'lambda',
    to: { kind: 'schedule', text: '-3' },
    before: 2,
    after: -3,
  }
  const logged = (settles: boolean, ...more: Parameters<typeof recover>[2][]) =>
    [
      { type: 'worker-joined', hello: hello(), leaseEpoch: 1, attempt: 1, runSteps: 200 } as const,
      { type: 'requested', request: set([to('lambda', '-3', at(50))]), position: edited.position } as const,
      edited,
      ...(settles
        ? [
            {
              type: 'settled',
              result: { type: 'request-result', id: 'r1', ok: true, step: 53, message: '' },
            } as const,
          ]
        : []),
      ...more,
    ].reduce(
      (before, body, i) =>
        recover(
          before,
          { origin: 'controller', incarnation: 'c'.repeat(16), stream: 'steps', seq: i + 1 },
          body,
        ),
      nothingRecovered(),
    )

  test('from a checkpoint before an edit meets it at the step at which it took effect', () => {
    const { state } = restarted(logged(true))
    const controller = drive(state)
    const [plan, after] = plans(controller.message(hello()))
    expect(plan).toMatchObject({ attempt: 2, firstStep: 0, count: 53 })
    expect([...plan!.columns['lambda']!]).toEqual(new Array(53).fill(2))
    expect(after!.columns['lambda']![0]).toBe(-3)
  })

  test('sends the rows of an edit again that nobody confirmed, and settles it', () => {
    const controller = drive(withUnsettled(logged(false)))
    const effects = controller.message(
      hello({ position: { attempt: 1, step: 20 }, plannedThrough: 200 }),
      'p1',
    )
    const [plan] = plans(effects)
    expect(plan).toMatchObject({ firstStep: 50 })
    const settled = controller.message({ ...ack(plan!.planSeq, 60), leaseEpoch: 2 })
    expect(appended(settled)[1]).toMatchObject({ type: 'settled', result: { id: 'r1', step: 60 } })
  })

  test('does not meet what was undone before', () => {
    const undone = logged(true, { type: 'rewind', attempt: 2, toStep: 10, cause: 'undo' })
    expect(undone.state.edits).toEqual([])
    const resumed = logged(true, { type: 'rewind', attempt: 2, toStep: 10, cause: 'resume' })
    expect(resumed.state.edits).toHaveLength(1)
  })
})
