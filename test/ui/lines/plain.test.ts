import { describe, expect, test } from 'vitest'
import { createPlainOutput } from '../../../src/ui/lines/plain.js'
import type { Body, LogRecord } from '../../../src/record/record.js'
import { initialSnapshot, reduce } from '../../../src/history/run-snapshot.js'
import { summarize } from '../../../src/history/summarize-run.js'
import {
  checkpoint,
  ended,
  EPOCH_MS,
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
} from '../../helpers/records.js'

function linesOf(bodies: readonly (Body | LogRecord)[]): string[] {
  const plain = createPlainOutput(manifest(), 'runs/digits-1')
  return records(bodies).flatMap((entry) => plain.linesOf(entry))
}

function endOf(bodies: readonly (Body | LogRecord)[]): readonly string[] {
  const plain = createPlainOutput(manifest(), 'runs/digits-1')
  const all = records(bodies)
  for (const entry of all) plain.linesOf(entry)
  const snapshot = all.reduce(reduce, initialSnapshot())
  return plain.end(summarize({ snapshot, manifest: manifest(), dir: 'runs/digits-1', live: false }))
}

/** One batch of ten steps every `everyMs`. */
const trained = (batches: number, everyMs: number, from = 0): LogRecord[] =>
  Array.from({ length: batches }, (_, i) =>
    record(steps(from + 10 * i, 10), { timeMs: EPOCH_MS + everyMs * (i + 1) }),
  )

const confusion = { classes: 2, counts: Uint32Array.of(9, 1, 4, 6) }
const request = { type: 'request', id: 'r1', by: 'cli', why: 'lunch', action: { type: 'pause' } } as const
const eventful: readonly Body[] = [
  started(),
  joined(),
  steps(0, 10),
  evaluation(9, { accuracy: 0.5, loss: 2.5 }, { confusion }),
  checkpoint(10),
  { type: 'requested', request, position: { attempt: 1, step: 10 } },
  progress(12, 'paused'),
  { type: 'settled', result: { type: 'request-result', id: 'r1', ok: true, step: 12, message: '' } },
  progress(12, 'training'),
  note('gamma 0.9 remembers about one batch, which is a sentence of more than eighty characters', 'warning'),
  { type: 'gap', attempt: 1, firstStep: 40, reason: 'quota' },
  left({
    exitCode: 1,
    lastLines: 'Traceback:\n  oh \u001b[31mno\u001b[0m',
    position: { attempt: 1, step: 40 },
  }),
  started(),
  rewind(2, 10),
  joined({ incarnation: 'a2' }, 2),
  { type: 'summary', values: { noise_auc: 0.9 } },
]

describe('plain output', () => {
  test('begins with what the run was set to do, then tells what trains', () => {
    const lines = linesOf([started(), joined()])
    expect(lines[0]).toBe('digits-1: digits, arm annealed')
    expect(lines).toContain('  lambda      off for 5 epochs, then exponential -5 → -0.5 over 10 epochs')
    expect(lines).toContain('  params      seed 1, kind asymmetric')
    expect(lines).toContain('  worker      cpu, 320 samples, batches of 32, 10 classes, pid 4711')
    expect(lines).toContain('  steps       100, 10 an epoch')
  })

  test('tells loss, lambda and ess ratio between evaluations, however frequent these are', () => {
    const each = trained(60, 500).flatMap((batch, i) => [
      batch,
      record(evaluation(10 * i + 9, { accuracy: 0.5 }), { timeMs: batch.timeMs + 1 }),
    ])
    const lines = linesOf([started(), joined(), ...each])
    expect(lines.filter((line) => line.includes('accuracy 0.5'))).toHaveLength(60)
    const told = lines.filter((line) => line.includes('loss 2'))
    expect(told.length).toBeGreaterThanOrEqual(8)
    for (const line of told) expect(line).toMatch(/lambda .* {2}ess ratio /)
  })

  test('has one line for an evaluation, the metric of the objective first', () => {
    const [line, ...more] = linesOf([joined(), evaluation(19, { loss: 2.5, accuracy: 0.5 })]).slice(-1)
    expect(line).toBe(' 20/100  epoch  2.0  val    accuracy 0.5  loss 2.5')
    expect(more).toEqual([])
  })

  test('says in an evaluation how many metrics did not fit', () => {
    const metrics = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`metric_number_${i}`, i]))
    const line = linesOf([joined(), evaluation(19, metrics)]).at(-1)!
    expect(line.length).toBeLessThanOrEqual(80)
    expect(line).toMatch(/ {2}\+\d+$/)
  })

  test('tells every event on lines of at most 80 columns, without anything that a terminal obeys', () => {
    const lines = [...linesOf(eventful), ...endOf([...eventful, ended(10)])]
    for (const line of lines) {
      expect([...line].length).toBeLessThanOrEqual(80)
      expect(line).not.toMatch(/\p{Cc}/u)
    }
  })

  test.each([
    'checkpoint after 10 steps: checkpoints/10.pt, 1.5 MB',
    'asked by cli: pause (lunch)',
    'paused after 12 steps',
    'done: pause, after 12 steps',
    'training again after 12 steps',
    'samples are not recorded from step 40 on: the quota is used up',
    'the worker is gone (exit code 1), after 40 steps',
    '      oh no',
    'digits-1 goes on',
    'attempt 2 goes on after 10 steps (resume)',
    'a new worker (pid 4711) trains attempt 2',
    'noise_auc 0.9',
  ])('says: %s', (line) => {
    expect(linesOf(eventful)).toContain(line)
  })

  test('says why a request was refused', () => {
    const result = { type: 'request-result', id: 'r1', ok: false, step: 12, message: 'it is paused' } as const
    const asked: Body = { type: 'requested', request, position: { attempt: 1, step: 10 } }
    expect(linesOf([asked, { type: 'settled', result }])).toContain(
      'refused: pause, after 12 steps: it is paused',
    )
  })

  test('says that a worker which lost its controller is back', () => {
    const again = joined({ position: { attempt: 1, step: 40 } })
    expect(linesOf([joined(), steps(0, 40), again])).toContain(
      'the worker (pid 4711) is back, after 40 steps',
    )
  })
})

describe('progress lines', () => {
  const isProgress = (line: string) => / {2}loss /.test(line)

  test('come every three seconds at most, with the mean loss since the last one and the time that is left', () => {
    const lines = linesOf([record(joined(), { timeMs: EPOCH_MS }), ...trained(8, 1000)]).filter(isProgress)
    expect(lines).toEqual([
      ' 40/100  epoch  4.0  loss 2  lambda off  ess ratio 1.00  lr 0.05  eta 6.0 s',
      ' 70/100  epoch  7.0  loss 2  lambda off  ess ratio 1.00  lr 0.05  eta 3.0 s',
    ])
  })

  test('are few in a run of hours', () => {
    const hours = [record(joined({}, 1, 72_000), { timeMs: EPOCH_MS }), ...trained(7200, 5000)]
    const count = linesOf(hours).filter(isProgress).length
    expect(count).toBeGreaterThan(50)
    expect(count).toBeLessThan(400)
  })

  test('fit into 80 columns however long the run is', () => {
    const far = [
      record(joined({ stepsPerEpoch: 123_457 }, 1, 987_654_321), { timeMs: EPOCH_MS }),
      record(steps(123_456_000, 10), { timeMs: EPOCH_MS + 1000 }),
      record(steps(123_456_010, 10), { timeMs: EPOCH_MS + 9000 }),
    ]
    const line = linesOf(far).at(-1)!
    expect(line).toContain('123,456,020/987,654,321')
    expect(line.length).toBeLessThanOrEqual(80)
  })

  test('do not count a pause into the time that is left', () => {
    const resumed = trained(5, 1000, 50).map((entry) => ({ ...entry, timeMs: entry.timeMs + 1_000_000 }))
    const lines = linesOf([
      record(joined(), { timeMs: EPOCH_MS }),
      ...trained(5, 1000),
      record(progress(50, 'paused'), { timeMs: EPOCH_MS + 5000 }),
      record(progress(50, 'training'), { timeMs: EPOCH_MS + 1_000_000 }),
      ...resumed,
    ])
    expect(lines.filter(isProgress).at(-1)).toMatch(/eta 1\.0 s$/)
  })
})

describe('the end', () => {
  test('tells how it ended, the final and the best metrics, and what the log counted', () => {
    const lines = endOf([
      started(),
      joined({}, 1, 20),
      steps(0, 20),
      evaluation(9, { accuracy: 0.8 }),
      evaluation(9, { accuracy: 0.85 }, { split: 'test' }),
      evaluation(19, { accuracy: 0.7 }),
      ended(20),
    ])
    expect(lines).toEqual([
      '',
      'completed after 20 steps (2 epochs), 6.0 s',
      '  final       train.loss 2  val.accuracy 0.7  test.accuracy 0.85',
      '  best        val.accuracy 0.8 after 10 steps  test.accuracy 0.85',
      '  log         0 waits, 0 worker restarts, 0 lost steps, 0 duplicated',
    ])
  })

  test('gives the reason and the traceback of a failure', () => {
    const lines = endOf([
      joined(),
      steps(0, 5),
      ended(5, { status: 'failed', reason: 'the task raised', detail: 'Traceback:\n  ValueError: no' }),
    ])
    expect(lines[1]).toMatch(/^failed after 5 of 100 steps/)
    expect(lines).toContain('  the task raised')
    expect(lines).toContain('      ValueError: no')
  })

  test('does not repeat the last lines of a worker that were printed when it died', () => {
    const lines = endOf([
      joined(),
      left({ exitCode: 1, lastLines: 'oh' }),
      ended(5, { status: 'failed', detail: 'oh' }),
    ])
    expect(lines.join('\n')).not.toContain('oh')
  })

  test('of a run that is lost says how to go on', () => {
    expect(endOf([joined(), steps(0, 5)])).toContain('  next        absgd resume digits-1')
  })
})
