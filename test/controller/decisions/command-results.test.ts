import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { initialState, type ControllerContext } from '../../../src/controller/state/state.js'
import type { Action, Body, Request, RequestResult } from '../../../src/record/record.js'
import type { CommandResult, ToPeer } from '../../../src/wire/message.js'
import { appended, checkpoint, context, drive, hello, sent, stepBatch } from '../../helpers/controller.js'

const request = (action: Action, id = 'r1'): Request => ({ type: 'request', id, by: 'cli', why: '', action })
const result = (more: Partial<CommandResult> = {}): CommandResult => ({
  type: 'command-result',
  leaseEpoch: 1,
  id: 'r1',
  ok: true,
  step: 40,
  message: 'done',
  ...more,
})
const replies = (messages: readonly ToPeer[]) =>
  messages.filter((message): message is RequestResult => message.type === 'request-result')
const EXIT = { type: 'worker-exited', exitCode: undefined, signal: 'SIGKILL', lastLines: '' } as const

function requested(action: Action, worker: ControllerContext['worker'] = 'task') {
  const controller = drive(initialState(), { ...context, worker })
  controller.message(hello())
  controller.telemetry(checkpoint(20))
  controller.message(request(action), 'op')
  return controller
}

describe('the reply to a command', () => {
  const commands: readonly [string, Action][] = [
    ['pause', { type: 'pause' }],
    ['step on', { type: 'step-on', steps: 2 }],
    ['checkpoint', { type: 'checkpoint' }],
    ['evaluate', { type: 'evaluate' }],
    ['restore', { type: 'restore', step: 20, path: '', sha256: '', attempt: 0 }],
    ['stop', { type: 'stop', checkpoint: true }],
  ]

  test.each(commands)('%s is sent once the log holds the record that the result names', (_name, action) => {
    const controller = requested(action)
    expect(controller.message(result({ follows: 3 }))).toEqual([])
    expect(replies(sent(controller.telemetry(stepBatch(0, 40))))).toEqual([])
    expect(replies(sent(controller.telemetry(checkpoint(40))))).toMatchObject([
      { id: 'r1', ok: true, step: 40 },
    ])
    expect(controller.state().pending).toEqual({})
  })

  test.each(commands)('%s is sent at once if the log holds that record', (_name, action) => {
    const controller = requested(action)
    expect(replies(sent(controller.message(result({ follows: 1 }))))).toHaveLength(1)
  })

  test.each(commands)('%s is sent at once for a worker of protocol 1.2', (_name, action) => {
    const controller = requested(action)
    expect(replies(sent(controller.message(result())))).toMatchObject([{ id: 'r1', ok: true, step: 40 }])
  })

  test('is sent after its record, however results and records of several commands interleave', () => {
    const ids = ['a', 'b', 'c', 'd']
    fc.assert(
      fc.property(
        fc.array(fc.record({ follows: fc.integer({ min: 0, max: 12 }), ok: fc.boolean() }), {
          minLength: ids.length,
          maxLength: ids.length,
        }),
        fc.shuffledSubarray(ids, { minLength: ids.length }),
        fc.array(fc.boolean(), { minLength: 16, maxLength: 16 }),
        fc.integer({ min: 0, max: 12 }),
        (results, order, turns, records) => {
          const controller = drive()
          controller.message(hello())
          for (const id of ids) controller.message(request({ type: 'evaluate' }, id), 'op')
          const waiting = [...order]
          const repliedAt = new Map<string, number>()
          const resultAt = new Map<string, number>()
          let received = 0
          const note = (messages: readonly ToPeer[]) => {
            for (const { id } of replies(messages)) {
              expect(repliedAt.has(id)).toBe(false)
              repliedAt.set(id, received)
            }
          }
          const sendRecord = () => {
            received += 1
            note(sent(controller.telemetry(stepBatch(received - 1, 1))))
          }
          const sendResult = () => {
            const id = waiting.shift()
            if (id === undefined) return
            resultAt.set(id, received)
            note(sent(controller.message(result({ id, ...results[ids.indexOf(id)]! }))))
          }
          for (const isRecord of turns) {
            if (!isRecord) sendResult()
            else if (received < records) sendRecord()
          }
          while (waiting.length > 0) sendResult()
          while (received < records) sendRecord()
          for (const [i, id] of ids.entries()) {
            const { follows } = results[i]!
            const due = Math.max(follows, resultAt.get(id)!)
            expect(repliedAt.get(id)).toBe(due <= received ? due : undefined)
          }
          // What was never logged is settled with the worker's own answers when its process is gone.
          note(sent(controller.act(EXIT)))
          expect([...repliedAt.keys()].toSorted()).toEqual(ids)
          for (const [i, id] of ids.entries()) expect(controller.state().replies[id]?.ok).toBe(results[i]!.ok)
        },
      ),
    )
  })

  test('to a restore, which the log does not show, is a refusal if the worker dies before its record came', () => {
    const controller = requested({ type: 'restore', step: 20, path: '', sha256: '', attempt: 0 })
    controller.message(result({ follows: 9 }))
    expect(replies(sent(controller.act(EXIT)))).toMatchObject([{ ok: false, message: 'the worker is gone' }])
  })

  test('to a restore comes after all records of the attempt before, and so does the rewind', () => {
    const controller = requested({ type: 'restore', step: 20, path: '', sha256: '', attempt: 0 })
    controller.message(result({ step: 20, follows: 2 }))
    const effects = controller.telemetry(stepBatch(0, 60))
    expect(appended(effects).map(({ type }) => type)).toEqual(['rewind', 'settled', 'plan'])
    expect(controller.state().reported).toEqual({ attempt: 2, step: 20 })
  })

  test('names a checkpoint that an undo can return to', () => {
    const controller = requested({ type: 'checkpoint' })
    controller.message(result({ follows: 2 }))
    const [reply] = replies(sent(controller.telemetry(checkpoint(40))))
    expect(controller.state().checkpoints.at(-1)?.position.step).toBe(reply?.step)
  })
})

test('a result that a worker repeats under a new lease is used once', () => {
  const controller = requested({ type: 'evaluate' })
  controller.message(result({ follows: 2 }))
  const again = sent(controller.message(hello({ position: { attempt: 1, step: 1 }, plannedThrough: 200 })))
  expect(again).toContainEqual(expect.objectContaining({ type: 'command', id: 'r1' }))
  controller.message(result({ follows: 2, leaseEpoch: 2 }))
  const settled: Body[] = [
    ...appended(controller.telemetry(stepBatch(0, 1))),
    ...appended(controller.act(EXIT)),
  ]
  expect(settled.filter(({ type }) => type === 'settled')).toHaveLength(1)
})
