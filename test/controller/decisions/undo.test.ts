import { describe, expect, test } from 'vitest'
import {
  nothingRecovered,
  recover,
  restartedState,
  withOpenEdits,
} from '../../../src/controller/decisions/recovery.js'
import type { Edited, Request } from '../../../src/record/record.js'
import { appended, checkpoint, drive, hello, sent } from '../../helpers/controller.js'
import { ack, at, plans, set, standing, to } from '../../helpers/edits.js'

describe('undo', () => {
  test('returns to the newest checkpoint before the last edit, and takes back the edits from there on', () => {
    const controller = standing()
    controller.telemetry(checkpoint(5))
    controller.telemetry(checkpoint(10))
    controller.message(set([to('lambda', '3', at(8 + 12))], { id: 'a' }))
    controller.message(ack(2, 20))
    controller.message(set([to('lambda', '4', at(30))], { id: 'b' }))
    controller.message(ack(3, 30))
    const asked = (by: string) =>
      controller.message({ type: 'request', id: `u-${by}`, by, why: '', action: { type: 'undo' } }, 'op')
    const refused =
      'the newest checkpoint before the last edit is at step 10: undo takes back 2 edits of lambda; ask for it with'
    expect(sent(asked('cli'))).toMatchObject([{ ok: false, message: `${refused} --all` }])
    expect(sent(asked('script'))).toMatchObject([
      { ok: false, message: `${refused} run.undo({ all: true })` },
    ])
    const all = controller.message(
      { type: 'request', id: 'u-all', by: 'cli', why: '', action: { type: 'undo', all: true } },
      'op',
    )
    expect(sent(all)).toMatchObject([{ action: { type: 'restore', step: 10, attempt: 2 } }])
    const done = controller.message({
      type: 'command-result',
      leaseEpoch: 1,
      id: 'u-all',
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

  test('refuses an edit that it takes back before the worker has its rows', () => {
    const controller = standing()
    controller.telemetry(checkpoint(10))
    controller.message(set([to('lambda', '3', at(20))], { id: 'a' }), 'editor')
    controller.message({ type: 'request', id: 'u', by: 'cli', why: '', action: { type: 'undo' } }, 'op')
    const done = controller.message({
      type: 'command-result',
      leaseEpoch: 1,
      id: 'u',
      ok: true,
      step: 10,
      message: '',
    })
    expect(done).toContainEqual({
      type: 'send',
      peer: 'editor',
      message: expect.objectContaining({ id: 'a', ok: false }) as unknown,
    })
    expect(controller.state()).toMatchObject({ edits: [], editsInFlight: [], pending: {} })
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
    const { state } = restartedState(logged(true))
    const controller = drive(state)
    const [plan, after] = plans(controller.message(hello()))
    expect(plan).toMatchObject({ attempt: 2, firstStep: 0, count: 53 })
    expect([...plan!.columns['lambda']!]).toEqual(new Array(53).fill(2))
    expect(after!.columns['lambda']![0]).toBe(-3)
  })

  test('sends the rows of an edit again that nobody confirmed, and settles it', () => {
    const controller = drive(withOpenEdits(logged(false)))
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
