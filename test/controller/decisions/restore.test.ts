/** If the worker cannot restore a checkpoint, the one before it is tried. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ToPeer } from '../../../src/wire/message.js'
import { appended, checkpoint, drive, hello, sent, stepBatch } from '../../helpers/controller.js'
import { ack, at, set, standing, to } from '../../helpers/edits.js'

type Command = Extract<ToPeer, { type: 'command' }>

/** Answers commands as a worker whose files of these steps are damaged. */
function answer(
  controller: ReturnType<typeof standing>,
  effects: Parameters<typeof sent>[0],
  damaged: ReadonlySet<number>,
) {
  const restored: number[] = []
  const texts: string[] = []
  let next = sent(effects)
  const replies: ToPeer[] = []
  const ids = new Set<string>()
  while (next.length > 0) {
    const command = next.find((message): message is Command => message.type === 'command')
    replies.push(...next.filter(({ type }) => type === 'request-result'))
    if (command?.action.type !== 'restore') break
    // A worker carries out each id once.
    expect(ids.has(command.id)).toBe(false)
    ids.add(command.id)
    const { step, path } = command.action
    const ok = !damaged.has(step)
    const message = ok
      ? `restored ${path}`
      : `refused: the checkpoint ${path} is not the one that was written`
    if (ok) restored.push(step)
    const done = controller.message({
      type: 'command-result',
      leaseEpoch: 1,
      id: command.id,
      ok,
      step,
      message,
    })
    texts.push(...appended(done).flatMap((body) => (body.type === 'note' ? [body.text] : [])))
    next = sent(done)
  }
  return { restored, texts, replies }
}

const STEPS = [4, 8, 12, 16]

test('restore and undo use the newest checkpoint that the worker can restore, and name the others', () => {
  fc.assert(
    fc.property(
      fc.subarray(STEPS),
      fc.constantFrom(...STEPS),
      fc.constantFrom('restore', 'undo'),
      (bad, wanted, kind) => {
        const damaged = new Set(bad)
        const controller = standing()
        for (const step of STEPS) controller.telemetry(checkpoint(step))
        if (kind === 'undo') {
          controller.message(set([to('lambda', '3', at(20))], { id: 'a' }))
          controller.message(ack(2, 20))
        }
        const action =
          kind === 'undo'
            ? ({ type: 'undo' } as const)
            : ({ type: 'restore', step: wanted, path: '', sha256: '', attempt: 0 } as const)
        const asked = controller.message({ type: 'request', id: 'r', by: 'cli', why: '', action }, 'op')
        const from = kind === 'undo' ? 16 : wanted
        const expected = STEPS.findLast((step) => step <= from && !damaged.has(step))
        const { restored, texts, replies } = answer(controller, asked, damaged)

        const skipped = STEPS.filter((step) => step <= from && step > (expected ?? 0))
        expect(restored).toEqual(expected === undefined ? [] : [expected])
        expect(replies).toMatchObject([{ type: 'request-result', id: 'r', ok: expected !== undefined }])
        const [reply] = replies
        for (const step of skipped)
          expect(reply).toHaveProperty('message', expect.stringContaining(`checkpoints/${step}`))
        // If none is left, the last refusal is the reply itself.
        expect(texts).toHaveLength(skipped.length - (expected === undefined ? 1 : 0))
        const { attempt, reported } = controller.state()
        expect(reported).toEqual(
          expected === undefined ? { attempt: 1, step: reported.step } : { attempt: 2, step: expected },
        )
        expect(attempt).toBe(expected === undefined ? 1 : 2)
        expect(controller.state().pending).toEqual({})
      },
    ),
    { numRuns: 100 },
  )
})

test('a run continues after a stop whose checkpoint was refused, and a later exit of its worker is not a stop', () => {
  const controller = drive()
  controller.message(hello())
  controller.telemetry(stepBatch(0, 10))
  const stop = { type: 'stop', checkpoint: true } as const
  controller.message({ type: 'request', id: 's', by: 'cli', why: '', action: stop }, 'op')
  const refused = { ok: false, step: 10, message: 'refused: no checkpoint could be written' }
  controller.message({ type: 'command-result', leaseEpoch: 1, id: 's', ...refused })
  controller.act({ type: 'worker-exited', exitCode: undefined, signal: 'SIGKILL', lastLines: '' })
  expect(controller.state().end).toMatchObject({ status: 'failed' })
})

test('a checkpoint that is found in the directory when the worker is gone is the one to resume from', () => {
  const controller = drive()
  controller.message(hello())
  controller.telemetry(stepBatch(0, 10))
  controller.act({ type: 'checkpoint-found', body: checkpoint(10) })
  controller.act({ type: 'worker-exited', exitCode: undefined, signal: 'SIGSEGV', lastLines: '' })
  expect(controller.state().end?.reason).toContain('trains again from the checkpoint at step 10')
})
