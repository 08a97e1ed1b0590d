import { describe, expect, test } from 'vitest'
import { endLine, recordLine } from '../../../src/ui/lines/json.js'
import type { Body } from '../../../src/record/record.js'
import { initialSnapshot, reduce } from '../../../src/history/run-snapshot.js'
import { summarize } from '../../../src/history/summarize-run.js'
import {
  checkpoint,
  ended,
  evaluation,
  joined,
  left,
  manifest,
  note,
  progress,
  record,
  records,
  rewind,
  started,
  steps,
  weighing,
} from '../../helpers/records.js'

const objectsOf = (body: Body) =>
  recordLine(record(body, { timeMs: 1000 })).map((line) => JSON.parse(line) as Record<string, unknown>)

describe('the JSON line of a record', () => {
  test('of steps has the controls of the last one and the means of the numbers', () => {
    const batch = steps(10, 2, {
      controls: { lambda: Float64Array.of(-2, Infinity), lr: Float64Array.of(0.1, 0.2) },
      weighings: [weighing(2, { meanLoss: Float64Array.of(1, 2) })],
      metrics: { grad: Float64Array.of(NaN, 7) },
    })
    expect(objectsOf(batch)).toMatchObject([
      {
        type: 'report',
        attempt: 1,
        firstStep: 10,
        step: 11,
        controls: { lambda: 'Infinity', lr: 0.2 },
        metrics: { 'train.loss': 1.5, 'train.grad': 7 },
        time: '1970-01-01T00:00:01.000Z',
      },
    ])
  })

  test('of an evaluation names its metrics with the split', () => {
    expect(objectsOf(evaluation(9, { accuracy: 0.5 }))).toMatchObject([
      { type: 'evaluation', step: 9, split: 'val', metrics: { 'val.accuracy': 0.5 } },
    ])
  })

  test.each<[string, Body, object]>([
    ['start', started(), { pid: 4700, manifest: { run: 'digits-1' } }],
    ['worker', joined(), { state: 'joined', worker: 'worker-0', pid: 4711, runSteps: 100 }],
    [
      'worker',
      left({ exitCode: undefined, signal: 'SIGKILL' }),
      { state: 'left', exitCode: null, signal: 'SIGKILL' },
    ],
    ['phase', progress(5, 'paused'), { phase: 'paused', step: 5 }],
    ['checkpoint', checkpoint(10), { step: 10, path: 'checkpoints/10.pt' }],
    ['rewind', rewind(2, 10), { attempt: 2, toStep: 10, cause: 'resume' }],
    ['note', note('look', 'warning'), { level: 'warning', text: 'look' }],
    ['gap', { type: 'gap', attempt: 1, firstStep: 4, reason: 'quota' }, { firstStep: 4, reason: 'quota' }],
    ['summary', { type: 'summary', values: { noise_auc: NaN } }, { values: { noise_auc: 'NaN' } }],
    [
      'answer',
      { type: 'settled', result: { type: 'request-result', id: 'r', ok: false, step: 4, message: 'no' } },
      { id: 'r', ok: false, step: 4, message: 'no' },
    ],
  ])('has the type "%s"', (type, body, fields) => {
    expect(objectsOf(body)).toMatchObject([{ type, ...fields }])
  })

  test('of a request has its action as an object of its own', () => {
    const request = {
      type: 'request',
      id: 'r',
      by: 'cli',
      why: 'enough',
      action: { type: 'stop', checkpoint: true },
    } as const
    expect(objectsOf({ type: 'requested', request, position: { attempt: 1, step: 7 } })).toMatchObject([
      {
        type: 'request',
        id: 'r',
        by: 'cli',
        why: 'enough',
        step: 7,
        action: { type: 'stop', checkpoint: true },
      },
    ])
  })

  test('is none for samples and for the end, which the summary tells', () => {
    expect(objectsOf({ type: 'sample-batch', attempt: 1, steps: [] })).toEqual([])
    expect(objectsOf(ended(5))).toEqual([])
  })
})

test('the last line has the type "end" and the whole summary', () => {
  const snapshot = records([joined(), steps(0, 100), ended(100)]).reduce(reduce, initialSnapshot())
  const summary = summarize({ snapshot, manifest: manifest(), dir: '/runs/digits-1', live: false })
  expect(JSON.parse(endLine(summary))).toMatchObject({
    type: 'end',
    status: 'completed',
    steps: 100,
    dir: '/runs/digits-1',
  })
})
