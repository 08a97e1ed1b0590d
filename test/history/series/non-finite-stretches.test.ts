import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createPlainOutput } from '../../../src/ui/lines/plain.js'
import { columnOf, isMissing, lastNumber } from '../../../src/history/series/missing-numbers.js'
import { isNonFiniteNow } from '../../../src/history/series/non-finite-stretches.js'
import type { Body, LogRecord } from '../../../src/record/record.js'
import { initialSnapshot, reduce } from '../../../src/history/run-snapshot.js'
import { bestEvaluation, summarize } from '../../../src/history/summarize-run.js'
import { decodeRecord, encodeRecord } from '../../../src/wire/codec.js'
import {
  ended,
  evaluation,
  joined,
  manifest,
  records,
  rewind,
  started,
  steps,
  weighing,
} from '../../helpers/records.js'

const number = fc.oneof(
  { arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }), weight: 4 },
  fc.constantFrom(NaN, Infinity, -Infinity),
)
/** Values that stay for a while, as those of a run do. */
const numbers = fc
  .array(fc.tuple(number, fc.integer({ min: 1, max: 20 })), { minLength: 1, maxLength: 12 })
  .map((stretches) => stretches.flatMap(([value, times]) => Array.from({ length: times }, () => value)))
const goal = fc.constantFrom('maximize' as const, 'minimize' as const)

function snapshotOf(bodies: readonly Body[]) {
  return records(bodies).reduce(reduce, initialSnapshot())
}

/** The losses as step batches of the sizes given, the last as long as it takes. */
function batches(losses: readonly number[], size: number, attempt = 1, first = 0): Body[] {
  return Array.from({ length: Math.ceil(losses.length / size) }, (_, i) => {
    const part = losses.slice(i * size, (i + 1) * size)
    const weighings = [weighing(part.length, { meanLoss: Float64Array.from(part) })]
    return steps(first + i * size, part.length, { attempt, weighings })
  })
}

/** Where a run of values that are not finite begins, and where it ends; by looking at the values one by one. */
function edgesOf(values: readonly number[], first = 0) {
  const began = values.flatMap((value, i) =>
    !Number.isFinite(value) && (i === 0 || Number.isFinite(values[i - 1]!)) ? [first + i] : [],
  )
  const endings = values.flatMap((value, i) =>
    i > 0 && Number.isFinite(value) && !Number.isFinite(values[i - 1]!) ? [first + i] : [],
  )
  return { began, endings }
}

function linesOf(bodies: readonly Body[]): string[] {
  const output = createPlainOutput(manifest(), '/runs/digits-1')
  return records(bodies).flatMap((entry: LogRecord) => [...output.linesOf(entry)])
}

describe('losses that are NaN or infinite', () => {
  test('are one event where a stretch begins and one where it ends, however the steps come in batches', () => {
    fc.assert(
      fc.property(numbers, fc.integer({ min: 1, max: 64 }), (losses, size) => {
        const { began, endings } = edgesOf(losses)
        const lines = linesOf([started(), joined(), ...batches(losses, size)])
        const steps = (pattern: RegExp) => lines.flatMap((line) => pattern.exec(line)?.[1] ?? []).map(Number)
        expect(steps(/^warning: train\.loss is -?(?:nan|inf) from step (\d+) on/)).toEqual(began.slice(0, 5))
        expect(steps(/^train\.loss is finite again from step (\d+) on/)).toEqual(endings.slice(0, 5))
      }),
      { numRuns: 200 },
    )
  })

  test('are counted in the summary, which says whether the latest is one', () => {
    fc.assert(
      fc.property(numbers, fc.integer({ min: 1, max: 64 }), (losses, size) => {
        const snapshot = snapshotOf([started(), joined(), ...batches(losses, size)])
        const { nonFinite } = summarize({ snapshot, manifest: manifest(), dir: '', live: true })
        const bad = [...losses.entries()].filter(([, loss]) => !Number.isFinite(loss)).map(([step]) => step)
        if (bad.length === 0) expect(nonFinite).toBeUndefined()
        else
          expect(nonFinite).toEqual([
            {
              name: 'train.loss',
              values: bad.length,
              stretches: edgesOf(losses).began.length,
              firstStep: bad[0],
              lastStep: bad.at(-1),
              now: !Number.isFinite(losses.at(-1)!),
            },
          ])
      }),
      { numRuns: 200 },
    )
  })

  test('of steps that a return to a checkpoint hides are forgotten', () => {
    fc.assert(
      fc.property(numbers, numbers, fc.nat(), (before, after, at) => {
        const toStep = at % (before.length + 1)
        const snapshot = snapshotOf([
          started(),
          joined(),
          ...batches(before, 7),
          rewind(2, toStep),
          ...batches(after, 5, 2, toStep),
        ])
        const visible = [...before.slice(0, toStep), ...after]
        const stretches = snapshot.nonFinite.get('train.loss')?.stretches ?? []
        const { began, endings } = edgesOf(visible)
        expect(stretches.map(({ from }) => from)).toEqual(began)
        expect(stretches.flatMap(({ until }) => until ?? [])).toEqual(endings)
      }),
      { numRuns: 200 },
    )
  })

  test('of all weighings, and of the numbers of steps and evaluations, are told by their names', () => {
    const weighings = ['loss', 'aux'].map((name) => ({
      ...weighing(2, { meanLoss: Float64Array.of(1, name === 'aux' ? Infinity : 1) }),
      name,
    }))
    const snapshot = snapshotOf([
      started(),
      joined(),
      steps(0, 2, { weighings, metrics: { norm: columnOf([undefined, NaN]) } }),
      evaluation(1, { accuracy: -Infinity, f1: 0.5 }),
    ])
    expect([...snapshot.nonFinite.keys()]).toEqual(['train.aux.loss', 'train.norm', 'val.accuracy'])
    expect([...snapshot.nonFinite.values()].every(isNonFiniteNow)).toBe(true)
  })

  test('of hundreds of numbers at once are one line', () => {
    const metrics = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`class_${i}/recall`, NaN]))
    const lines = linesOf([started(), joined(), evaluation(9, metrics)])
      .join(' ')
      .replaceAll(/\s+/g, ' ')
    expect(lines.match(/nan after 10 steps/g)).toHaveLength(1)
    expect(lines).toContain('val.class_2/recall and 197 other numbers are nan after 10 steps')
  })
})

describe('a number of a step that is NaN', () => {
  test('is another than none, before and after the wire', () => {
    const some = fc.array(fc.option(number, { nil: undefined }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(some, (values) => {
        const { length } = values
        const [entry] = records([steps(0, length, { metrics: { a: columnOf(values) } })])
        const { body } = decodeRecord(encodeRecord(entry!))!
        const column = (body as { metrics: Record<string, Float64Array> }).metrics['a']!
        expect(Array.from(column, (value, i) => (isMissing(column, i) ? undefined : value))).toEqual(values)
        expect(lastNumber(column, length - 1)).toEqual(values.findLast((value) => value !== undefined))
      }),
    )
  })
})

describe('the best evaluation', () => {
  test('is the best of the finite ones, whatever comes between them', () => {
    fc.assert(
      fc.property(numbers, goal, (values, goal) => {
        const objective = { metric: 'val.accuracy', goal }
        const { evaluations } = snapshotOf(values.map((accuracy, i) => evaluation(i, { accuracy })))
        const best = bestEvaluation(evaluations, objective)
        const finite = values.filter(Number.isFinite)
        if (finite.length === 0) expect(best).toBeNull()
        else {
          expect(best!.value).toBe(goal === 'maximize' ? Math.max(...finite) : Math.min(...finite))
          expect(best!.step).toBe(values.indexOf(best!.value))
        }
      }),
      { numRuns: 200 },
    )
  })
})

test('a run that ends with such a loss says so on its page', () => {
  const bodies = [started(), joined(), ...batches([1, NaN, NaN], 2), ended(3)]
  const snapshot = snapshotOf(bodies)
  const summary = summarize({ snapshot, manifest: manifest(), dir: '', live: false })
  const output = createPlainOutput(manifest(), '')
  expect(output.end(summary).join('\n')).toMatch(
    /final +train\.loss nan[^]*not finite +train\.loss: 2 values, steps 1 to 2, the latest one included/,
  )
})
