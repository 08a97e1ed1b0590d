import { describe, expect, test } from 'vitest'
import type { Action } from '../../src/record/record.js'
import type { Welcome } from '../../src/wire/message.js'
import { decide, decideCommand, withAnswer } from '../../src/simulated/decisions.js'
import { receive } from '../../src/simulated/session.js'
import { initialWorker, trained, type WorkerState } from '../../src/simulated/state.js'

const identity = { run: 'test', params: { seed: 1 }, incarnation: 'a'.repeat(16) }

const welcome: Welcome = {
  type: 'welcome',
  run: 'test',
  attempt: 1,
  leaseEpoch: 4,
  paramsJson: '{"seed":1}',
  acked: { steps: 0, samples: 0 },
  sampleEvery: 1,
  sampleQuotaBytes: 1e9,
  orphanLimitSeconds: 600,
  keepCheckpoints: 3,
  restorePath: '',
  restoreSha256: '',
  runSteps: 0,
  weighting: { preset: 'default' },
}

function admitted(more: Partial<Welcome> = {}, nowMs = 0): WorkerState {
  return receive(initialWorker(0), { ...welcome, ...more }, nowMs, identity).state
}

describe('before it is admitted a worker', () => {
  test('waits ten minutes, and leaves with 75', () => {
    const waiting = decide(initialWorker(0), 0).state
    expect(decide(waiting, 600_000).next).toEqual({ type: 'wait' })
    expect(decide(waiting, 600_001).next).toMatchObject({ type: 'exit', code: 75 })
  })

  test('leaves at once when it is told to', () => {
    expect(decide({ ...initialWorker(0), terminated: true }, 0).next).toMatchObject({ type: 'exit', code: 0 })
  })

  test.each([
    ['another run', { run: 'other' }, 'the controller runs "other"'],
    ['other parameters', { paramsJson: '{"seed":1,"lr":2}' }, 'lr differ'],
  ])('objects to %s', (_what, more, words) => {
    const { next } = decide(admitted(more), 0)
    expect(next).toMatchObject({ type: 'exit', code: 1 })
    expect(next.type === 'exit' && next.message).toContain(words)
  })
})

describe('an admitted worker', () => {
  test('gives up on a controller that was not heard for the limit, paused or without a row, and not while it is heard', () => {
    for (const paused of [false, true]) {
      const idle = decide({ ...admitted({ orphanLimitSeconds: 10 }), paused, hadRow: true }, 1000).state
      expect(idle.phase).toBe(paused ? 'paused' : 'waiting')
      expect(decide(idle, 11_000).next).toEqual({ type: 'wait' })
      expect(decide(idle, 11_001).next).toMatchObject({ type: 'give-up' })
      const ack = {
        type: 'telemetry-ack',
        incarnation: 'b'.repeat(16),
        acked: { steps: 0, samples: 0 },
      } as const
      expect(decide(receive(idle, ack, 9000, identity).state, 11_001).next).toEqual({ type: 'wait' })
    }
  })

  test('counts a wait once, with its seconds, and none before its first row', () => {
    const fresh = decide(admitted(), 1000).state
    expect(fresh).toMatchObject({ waits: 0, phase: 'starting' })
    const waiting = decide(decide({ ...fresh, hadRow: true }, 2000).state, 3000).state
    expect(waiting).toMatchObject({ waits: 1, phase: 'waiting' })
    const plan = { type: 'plan', leaseEpoch: 4, planSeq: 1, attempt: 1, firstStep: 0, count: 1 } as const
    const rows = { columns: {}, events: [], runSteps: 1 }
    const { state, next } = decide(receive(waiting, { ...plan, ...rows }, 3500, identity).state, 4000)
    expect(next.type).toBe('train')
    expect(state).toMatchObject({ waits: 1, waitedMs: 2000, phase: 'training' })
    expect(decide(trained(state), 4000).next).toEqual({ type: 'complete' })
  })

  test('ignores a Welcome that is no newer, and goes on under one that is', () => {
    const state = trained(admitted())
    expect(receive(state, { ...welcome, leaseEpoch: 4 }, 1, identity).effects).toEqual([])
    const again = receive(state, { ...welcome, leaseEpoch: 5, restorePath: 'x' }, 1, identity)
    expect(again.state).toMatchObject({ lease: 5, position: { attempt: 1, step: 1 }, mustRestore: false })
    expect(again.effects).toMatchObject([{ type: 'admitted', isFirst: false }])
  })

  test('restores what the first Welcome names before all else, and once', () => {
    const { state, next } = decide(admitted({ restorePath: 'checkpoints/x' }), 0)
    expect(next).toEqual({ type: 'restore' })
    expect(decide(state, 0).next).toEqual({ type: 'wait' })
  })

  test('that lost its lease keeps an answer for when it is asked again', () => {
    const command = { type: 'command', leaseEpoch: 4, id: 'c', action: { type: 'pause' } } as const
    const told = receive(admitted(), command, 0, identity).state
    const lost = receive(told, { type: 'reject', code: 'no-lease', hint: '' }, 0, identity).state
    const { state, effects } = withAnswer(lost, 'c', { ok: true, message: 'paused', follows: 0 })
    expect(effects).toEqual([])
    const found = receive(state, { ...welcome, leaseEpoch: 5 }, 0, identity).state
    const repeated = receive(found, { ...command, leaseEpoch: 5 }, 0, identity)
    expect(repeated.effects).toMatchObject([{ message: { leaseEpoch: 5, id: 'c', ok: true } }])
    expect(repeated.state.inbox).toHaveLength(1)
  })

  test('leaves when it is released, or after ten seconds', () => {
    const bye = { type: 'bye', leaseEpoch: 4, reason: 'completed', message: '', traceback: '' } as const
    const word = { ...bye, position: { attempt: 1, step: 0 }, sent: { steps: 1, samples: 0 } }
    const leaving = { ...admitted(), leaving: { bye: word, sinceMs: 0 } }
    expect(decide(leaving, 9999)).toMatchObject({ next: { type: 'wait' }, state: { phase: 'ending' } })
    expect(decide(leaving, 10_000).next).toEqual({ type: 'exit', code: 0, message: '' })
    const released = receive(leaving, { type: 'released' }, 1, identity).state
    expect(decide(released, 1).next).toMatchObject({ type: 'exit', code: 0 })
    // Its last word is repeated under a new lease.
    expect(receive(leaving, { ...welcome, leaseEpoch: 5 }, 1, identity).effects).toMatchObject([
      { type: 'admitted' },
      { type: 'send', message: { type: 'bye', leaseEpoch: 5 } },
    ])
  })
})

test('steps add up while they are trained, and are refused where training is not paused', () => {
  const command = (action: Action) => ({ type: 'command', leaseEpoch: 4, id: 'c', action }) as const
  const step = command({ type: 'step-on', steps: 3 })
  expect(decideCommand(admitted(), step)).toMatchObject({ type: 'answer', ok: false })
  const once = decideCommand({ ...admitted(), paused: true }, step)
  const twice = once.type === 'answer' ? decideCommand(once.state, step) : once
  expect(twice).toMatchObject({ ok: true, state: { stepsLeft: 6, paused: false } })
})
