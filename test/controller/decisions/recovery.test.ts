import { describe, expect, test } from 'vitest'
import { nothingRecovered, recover, restartedState } from '../../../src/controller/decisions/recovery.js'
import { nameOf } from '../../../src/record/record-id.js'
import type { Body, LogRecord } from '../../../src/record/record.js'
import { hello, stepBatch } from '../../helpers/controller.js'

const WORKER = 'a'.repeat(16)

function log(...bodies: readonly (Body | [Body])[]): LogRecord[] {
  let controllerSeq = 0
  let workerSeq = 0
  return bodies.map((entry) => {
    const byWorker = Array.isArray(entry)
    return {
      origin: byWorker ? 'worker-0' : 'controller',
      incarnation: byWorker ? WORKER : 'c'.repeat(16),
      seq: byWorker ? ++workerSeq : ++controllerSeq,
      timeMs: 0,
      body: byWorker ? entry[0] : entry,
    }
  })
}

const recoverAll = (records: readonly LogRecord[]) =>
  records.reduce((before, record) => recover(before, nameOf(record), record.body), nothingRecovered())

const joined: Body = { type: 'worker-joined', hello: hello(), leaseEpoch: 3, attempt: 1, runSteps: 200 }
const written = (step: number, attempt = 1): Body => ({
  type: 'checkpoint-written',
  position: { attempt, step },
  path: `${attempt}/${step}`,
  sha256: '',
  bytes: 1,
  seconds: 0,
  deleted: [],
})

describe('recovery', () => {
  test('knows the sequences that the log holds, so that nothing is taken twice', () => {
    const { state } = recoverAll(log(joined, [stepBatch(0, 64)], [stepBatch(64, 64)]))
    expect(state.received).toEqual([
      { incarnation: WORKER, appended: { steps: 2, samples: 0 }, durable: { steps: 2, samples: 0 } },
    ])
    expect(state.reported).toEqual({ attempt: 1, step: 128 })
    expect(state.leaseEpoch).toBe(3)
  })

  test('counts what it cannot read, so that a worker need not send it again', () => {
    const [first] = log([stepBatch(0, 64)])
    const name = { origin: 'worker-0', incarnation: WORKER, stream: 'steps', seq: 2 } as const
    const { state } = recover(recoverAll([first!]), name, undefined)
    expect(state.received).toMatchObject([{ incarnation: WORKER, durable: { steps: 2 } }])
  })

  test('starts a new attempt from the last checkpoint', () => {
    const recovered = recoverAll(
      log(joined, [stepBatch(0, 64)], [written(30)], [written(60)], [stepBatch(64, 64)]),
    )
    const { state, toStep } = restartedState(recovered)
    expect(toStep).toBe(60)
    expect(state.attempt).toBe(2)
    expect(state.restore?.path).toBe('1/60')
  })

  test('starts from the beginning when there is no checkpoint', () => {
    const { state, toStep } = restartedState(recoverAll(log(joined, [stepBatch(0, 64)])))
    expect([toStep, state.attempt, state.restore]).toEqual([0, 2, undefined])
  })

  test('does not return to a checkpoint of a history that was left behind', () => {
    const rewind: Body = { type: 'rewind', attempt: 2, toStep: 30, cause: 'restore' }
    const recovered = recoverAll(log(joined, [written(30)], [written(60)], rewind, [stepBatch(30, 10, 2)]))
    expect(restartedState(recovered).toStep).toBe(30)
    expect(recovered.state.reported).toEqual({ attempt: 2, step: 40 })
  })

  test('forgets a checkpoint that was deleted to make room', () => {
    const second: Body = {
      ...(written(60) as Extract<Body, { type: 'checkpoint-written' }>),
      deleted: ['1/30'],
    }
    const { state } = recoverAll(log(joined, [written(30)], [second]))
    expect(state.checkpoints.map(({ path }) => path)).toEqual(['1/60'])
  })

  test('takes a controller that started after an end as a run that goes on', () => {
    const started: Body = { type: 'controller-started', version: '', pid: 1, manifestJson: '' }
    const end: Body = {
      type: 'run-ended',
      status: 'stopped',
      reason: '',
      detail: '',
      position: { attempt: 1, step: 9 },
    }
    expect(recoverAll(log(started, joined, end)).ended).toBe('stopped')
    expect(recoverAll(log(started, joined, end, started)).ended).toBeUndefined()
  })
})
