import { describe, expect, test } from 'vitest'
import type { Body } from '../../src/record/record.js'
import { initialSnapshot, reduce } from '../../src/history/run-snapshot.js'
import { summarize } from '../../src/history/summarize-run.js'
import {
  ended,
  evaluation,
  joined,
  left,
  manifest,
  note,
  progress,
  records,
  rewind,
  started,
  steps,
} from '../helpers/records.js'

function summaryOf(
  bodies: Body[],
  {
    live = false,
    goal = 'maximize',
    metric = 'val.accuracy',
  }: { live?: boolean; goal?: 'maximize' | 'minimize'; metric?: string } = {},
) {
  const snapshot = records(bodies).reduce(reduce, initialSnapshot())
  const { config } = manifest()
  const parts = { snapshot, manifest: manifest({ config: { ...config, objective: { metric, goal } } }) }
  return summarize({ ...parts, dir: '/runs/digits-1', live, pids: { controller: 4700, worker: 1 } })
}

describe('the status', () => {
  test('is that of the end which is recorded, whatever else is known', () => {
    expect(summaryOf([ended(5, { status: 'failed', reason: 'it died' })], { live: true })).toMatchObject({
      status: 'failed',
      reason: 'it died',
    })
  })

  test('is running while a controller lives, with what the worker does beside it', () => {
    const running = [joined(), steps(0, 5)]
    expect(summaryOf(running, { live: true })).toMatchObject({ status: 'running', phase: 'training' })
    const paused = summaryOf([...running, progress(5, 'paused')], { live: true })
    expect(paused).toMatchObject({ status: 'running', phase: 'paused' })
  })

  test('is lost when nobody is there and no end is recorded', () => {
    expect(summaryOf([joined(), steps(0, 5)])).toMatchObject({ status: 'lost', steps: 5 })
  })
})

describe('the process ids', () => {
  test('are there while the run is', () => {
    expect(summaryOf([joined()], { live: true }).pids).toEqual({ controller: 4700, worker: 4711 })
    expect(summaryOf([joined(), ended(0)], { live: true })).not.toHaveProperty('pids')
  })

  test('fall back to the process that was started, before it has joined', () => {
    expect(summaryOf([], { live: true }).pids).toEqual({ controller: 4700, worker: 1 })
  })
})

describe('the final metrics', () => {
  test('are the last value of each, over steps, evaluations of every split, and numbers of the whole run', () => {
    const { final } = summaryOf([
      steps(0, 20),
      evaluation(9, { accuracy: 0.5, once: 7 }),
      evaluation(19, { accuracy: 0.6 }),
      evaluation(19, { accuracy: 0.8 }, { split: 'test' }),
      { type: 'summary', values: { noise_auc: 0.9 } },
    ])
    expect(final).toMatchObject({
      'train.loss': 2,
      'val.accuracy': 0.6,
      'val.once': 7,
      'test.accuracy': 0.8,
      noise_auc: 0.9,
    })
  })
})

describe('the best evaluation', () => {
  const run = [
    evaluation(4, { accuracy: NaN, loss: NaN }),
    evaluation(9, { accuracy: 0.5, loss: 2 }),
    evaluation(9, { accuracy: 0.1 }, { split: 'test' }),
    evaluation(19, { accuracy: 0.7, loss: 3 }),
    evaluation(19, { accuracy: 0.2 }, { split: 'test' }),
    evaluation(29, { accuracy: 0.7, loss: 3 }),
    evaluation(29, { accuracy: 0.9 }, { split: 'test' }),
  ]

  test('is picked by the objective, the first of equals, and shows every split after its step', () => {
    expect(summaryOf(run).best).toEqual({
      metric: 'val.accuracy',
      value: 0.7,
      step: 19,
      split: 'val',
      metrics: { 'val.accuracy': 0.7, 'val.loss': 3, 'test.accuracy': 0.2 },
    })
  })

  test('is the smallest where the objective is to be minimised, and never one that is NaN', () => {
    expect(summaryOf(run, { metric: 'val.loss', goal: 'minimize' }).best).toMatchObject({ value: 2, step: 9 })
  })

  test('is missing while nothing has the metric', () => {
    expect(summaryOf(run, { metric: 'val.f1' }).best).toBeNull()
  })
})

test('a summary has every field that programs rely on, before anything has happened', () => {
  expect(summaryOf([])).toMatchObject({
    run: 'digits-1',
    dir: '/runs/digits-1',
    attempt: 0,
    steps: 0,
    runSteps: null,
    epochs: null,
    workerRestarts: 0,
    lostSteps: 0,
    duplicatedSteps: 0,
    waits: 0,
    final: {},
    best: null,
    config: { experiment: 'digits', arm: 'annealed', params: { seed: 1 }, length: '10 epochs' },
  })
})

test('a summary counts epochs, restarts, lost steps and warnings', () => {
  const second = joined({ incarnation: 'a2' }, 1)
  expect(
    summaryOf([
      joined(),
      steps(0, 5),
      left(),
      second,
      steps(10, 5),
      note('look', 'warning'),
      note('ok'),
      ended(15),
    ]),
  ).toMatchObject({ steps: 15, epochs: 1.5, workerRestarts: 1, lostSteps: 5, warnings: ['look'] })
})

test('a failure for which nothing of the worker is to blame has a remedy', () => {
  const remedy = 'give Task(labels=…)'
  const end = ended(0, { status: 'failed', reason: 'the task has no labels', detail: remedy })
  const { error } = summaryOf([joined(), left({ exitCode: 1, lastLines: 'bye' }), end])
  expect(error).toEqual({ type: 'run', message: 'the task has no labels', remedy })
})

test('a run that no controller drove ended as its last word says', () => {
  const said = (reason: 'completed' | 'stopped' | 'failed', traceback = ''): Body => ({
    ...{ type: 'bye', leaseEpoch: 0, reason, position: { attempt: 1, step: 20 }, message: '', traceback },
    sent: { steps: 0, samples: 0 },
  })
  const alone = (...bodies: Body[]) => summaryOf([joined(), steps(0, 20), ...bodies])
  expect(alone()).toMatchObject({ status: 'lost' })
  expect(alone(said('completed'))).toMatchObject({
    status: 'completed',
    reason: 'the script ended after 20 steps',
  })
  expect(alone(said('stopped'))).toMatchObject({ status: 'stopped' })
  expect(alone(said('failed', 'Traceback'))).toMatchObject({
    status: 'failed',
    error: { type: 'task', traceback: 'Traceback' },
  })
  expect(summaryOf([started(), joined(), steps(0, 20), said('completed')]).status).toBe('lost')
  // It was started again, to train on.
  expect(alone(said('completed'), rewind(2, 20), joined({}, 2))).toMatchObject({ status: 'lost', attempt: 2 })
})
