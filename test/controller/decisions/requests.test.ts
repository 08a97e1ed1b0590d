import { describe, expect, test } from 'vitest'
import type { Action, Request } from '../../../src/record/record.js'
import { appended, checkpoint, drive, hello, sent, stepBatch } from '../../helpers/controller.js'

const request = (action: Action, id = 'r1'): Request => ({ type: 'request', id, by: 'cli', why: '', action })

describe('requests', () => {
  test('are recorded, sent on, and settled with the step at which they took effect', () => {
    const controller = drive()
    controller.message(hello())
    const asked = controller.message(request({ type: 'pause' }), 'op')
    expect(appended(asked).map(({ type }) => type)).toEqual(['requested'])
    expect(sent(asked)).toMatchObject([{ type: 'command', id: 'r1', action: { type: 'pause' } }])
    const result = {
      type: 'command-result',
      leaseEpoch: 1,
      id: 'r1',
      ok: true,
      step: 12,
      message: 'paused',
    } as const
    const settled = controller.message(result)
    expect(appended(settled)).toMatchObject([{ type: 'settled', result: { ok: true, step: 12 } }])
    expect(settled).toContainEqual(expect.objectContaining({ type: 'send', peer: 'op' }))
  })

  test('asked twice under one id are done once and answered twice', () => {
    const controller = drive()
    controller.message(hello())
    controller.message(request({ type: 'pause' }), 'op')
    expect(sent(controller.message(request({ type: 'pause' }), 'op'))).toEqual([])
    controller.message({ type: 'command-result', leaseEpoch: 1, id: 'r1', ok: true, step: 12, message: '' })
    expect(sent(controller.message(request({ type: 'pause' }), 'op'))).toMatchObject([
      { type: 'request-result', step: 12 },
    ])
  })

  test('that nobody answered yet are sent again to a worker that comes back', () => {
    const controller = drive()
    controller.message(hello())
    controller.message(request({ type: 'checkpoint' }), 'op')
    const messages = sent(
      controller.message(hello({ position: { attempt: 1, step: 5 }, plannedThrough: 200 }), 'p9'),
    )
    expect(messages.at(-1)).toMatchObject({ type: 'command', id: 'r1', leaseEpoch: 2 })
  })

  test('are refused before a worker joined, except stop, which ends the run', () => {
    const controller = drive()
    expect(sent(controller.message(request({ type: 'pause' }), 'op'))).toMatchObject([{ ok: false }])
    const effects = controller.message(request({ type: 'stop', checkpoint: true }, 'r2'), 'op')
    expect(sent(effects)).toMatchObject([{ ok: true }])
    expect(effects).toContainEqual({ type: 'kill', signal: 'SIGTERM' })
    controller.act({ type: 'worker-exited', exitCode: undefined, signal: 'SIGTERM', lastLines: '' })
    expect(controller.state().end?.status).toBe('stopped')
  })

  test('to restore name the checkpoints there are when the step has none', () => {
    const controller = drive()
    controller.message(hello())
    controller.telemetry(checkpoint(40))
    const restore = { type: 'restore', step: 50, path: '', sha256: '', attempt: 0 } as const
    expect(sent(controller.message(request(restore), 'op'))).toMatchObject([
      { ok: false, message: 'no checkpoint at step 50: there are checkpoints at steps 40' },
    ])
  })

  test('to restore begin a new attempt with a rewind and rows of its own', () => {
    const controller = drive()
    controller.message(hello())
    controller.telemetry(stepBatch(0, 100))
    controller.telemetry(checkpoint(40))
    const restore = { type: 'restore', step: 40, path: '', sha256: '', attempt: 0 } as const
    const [command] = sent(controller.message(request(restore), 'op'))
    expect(command).toMatchObject({ action: { path: 'checkpoints/40', sha256: 'f'.repeat(64), attempt: 2 } })
    const effects = controller.message({
      type: 'command-result',
      leaseEpoch: 1,
      id: 'r1',
      ok: true,
      step: 40,
      message: '',
    })
    expect(appended(effects)[0]).toEqual({ type: 'rewind', attempt: 2, toStep: 40, cause: 'restore' })
    expect(sent(effects).at(-1)).toMatchObject({ type: 'plan', attempt: 2, firstStep: 40 })
    expect(controller.state().reported).toEqual({ attempt: 2, step: 40 })
  })

  test('to restore never name a checkpoint of a history that was left behind, however late it is told of', () => {
    const controller = drive()
    controller.message(hello())
    controller.telemetry(checkpoint(40))
    controller.telemetry(checkpoint(60))
    const restore = (step: number) => ({ type: 'restore', step, path: '', sha256: '', attempt: 0 }) as const
    controller.message(request(restore(40)), 'op')
    controller.message({ type: 'command-result', leaseEpoch: 1, id: 'r1', ok: true, step: 40, message: '' })
    controller.telemetry(checkpoint(80))
    controller.telemetry(stepBatch(60, 40))
    expect(controller.state().reported).toEqual({ attempt: 2, step: 40 })
    for (const step of [60, 80]) {
      expect(sent(controller.message(request(restore(step), `r${step}`), 'op'))).toMatchObject([
        { ok: false },
      ])
    }
  })

  test('that nobody can answer any more are refused when the worker is gone', () => {
    const controller = drive()
    controller.message(hello())
    controller.message(request({ type: 'pause' }), 'op')
    const effects = controller.act({
      type: 'worker-exited',
      exitCode: undefined,
      signal: 'SIGKILL',
      lastLines: '',
    })
    expect(appended(effects)).toMatchObject([
      { type: 'settled', result: { id: 'r1' } },
      { type: 'worker-left' },
    ])
    expect(sent(effects)).toMatchObject([{ id: 'r1', ok: false, message: 'the worker is gone' }])
  })

  test('are remembered for a while, not for ever', () => {
    const controller = drive()
    for (let i = 0; i < 300; i++) controller.message(request({ type: 'pause' }, `r${i}`), 'op')
    expect(Object.keys(controller.state().replies)).toHaveLength(100)
    expect(controller.state().replies).toHaveProperty('r299')
  })

  test('by Ctrl-C checkpoint and stop once, and end the worker the second time', () => {
    const controller = drive()
    controller.message(hello())
    expect(sent(controller.act({ type: 'interrupt', id: 'i1', nowMs: 0 }))).toMatchObject([
      { action: { type: 'stop', checkpoint: true } },
    ])
    expect(controller.act({ type: 'interrupt', id: 'i1', nowMs: 0 })).toEqual([
      { type: 'kill', signal: 'SIGKILL' },
    ])
    controller.act({ type: 'worker-exited', exitCode: undefined, signal: 'SIGKILL', lastLines: '' })
    expect(controller.state().end?.status).toBe('interrupted')
  })
})
