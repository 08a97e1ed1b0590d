import { GUARD } from '../../src/schedule/feedback/guard.js'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { AbsgdError } from '../../src/errors.js'
import { defineExperiment, isExperiment } from '../../src/experiment/define-experiment.js'
import { off } from '../../src/schedule/anneal.js'
import { epochs, every } from '../../src/schedule/duration.js'
import { complaintOf, experimentOf, resolved } from './helper.js'

const minimal = { name: 'try', worker: { task: 'tasks:build' }, length: 100 }

describe('the defaults', () => {
  test('are λ off, γ 0.9, the optimizer’s own rate, everything recorded, all in one place', () => {
    const { controls, ...rest } = resolved({})
    expect(Object.keys(controls)).toEqual(['lambda', 'gamma'])
    expect(controls['lambda']?.shape).toEqual({ kind: 'constant', value: Infinity })
    expect(controls['gamma']?.shape).toEqual({ kind: 'constant', value: 0.9 })
    expect(rest).toEqual({
      name: 'try',
      program: { kind: 'task', task: 'tasks:build' },
      params: {},
      length: { epochs: 0, steps: 100 },
      evaluate: 'epoch',
      checkpoint: 'epoch',
      sampleEvery: 1,
      sampleQuotaBytes: 10 * 2 ** 30,
      orphanLimitSeconds: 600,
      guard: GUARD,
      keepCheckpoints: 3,
      mirror: [],
      weighting: { preset: 'default' },
    })
  })

  test('give way to what is said', () => {
    const onReport = () => undefined
    expect(
      resolved({
        evaluate: every(epochs(2)),
        checkpoint: 'end',
        objective: { metric: 'val.accuracy', goal: 'maximize' },
        record: { samples: { every: 7 }, quota: 1000 },
        orphanLimit: 5,
        keepCheckpoints: 0,
        onReport,
      }),
    ).toMatchObject({
      evaluate: { every: epochs(2) },
      checkpoint: 'end',
      objective: { metric: 'val.accuracy', goal: 'maximize' },
      sampleEvery: 7,
      sampleQuotaBytes: 1000,
      orphanLimitSeconds: 5,
      keepCheckpoints: 0,
      onReport,
    })
    expect(resolved({ record: { samples: 'off' } }).sampleEvery).toBe(0)
  })
})

describe('a spec is refused', () => {
  const refusal = (spec: object) => complaintOf(() => defineExperiment({ ...minimal, ...spec }))

  test('with an error of the code "experiment" that names it', () => {
    expect(() => defineExperiment({ ...minimal, length: 0 })).toThrow(AbsgdError)
    expect(() => defineExperiment({ ...minimal, length: 0 })).toThrow(
      expect.objectContaining({
        code: 'experiment',
        message: expect.stringContaining('the experiment "try"') as string,
      }),
    )
  })

  test('for a setting that does not exist, with the one that may be meant', () => {
    expect(refusal({ lenght: 5 })).toMatch(
      /unknown setting "lenght" \(did you mean "length"\?\); known: name, worker/,
    )
    expect(refusal({ record: { sample: 'all' } })).toMatch(
      /unknown setting of record "sample" \(did you mean "samples"\?\)/,
    )
  })

  test.each([
    [{ name: '' }, /name is ""; it takes one line/],
    [{ worker: { task: 'task.py' } }, /worker\.task is "task\.py"; it takes 'FILE:FUNCTION'/],
    [{ worker: { task: undefined } }, /worker\.task is missing/],
    [{ length: undefined }, /length is missing; it takes a duration above 0/],
    [{ length: epochs(0) }, /length is .*; it takes a duration above 0/],
    [{ length: NaN }, /length is NaN; it takes a duration/],
    [{ evaluate: 100 }, /evaluate is 100; it takes every\(epochs\(n\)\)/],
    [
      { objective: { metric: 'accuracy', goal: 'maximize' } },
      /metric is "accuracy"; it takes 'split\.metric'/,
    ],
    [
      { objective: { metric: 'val.loss', goal: 'least' } },
      /goal is "least"; it takes one of maximize, minimize/,
    ],
    [{ params: { seed: 1 } }, /params is .*; it takes a schema of zod 4/],
    [{ record: { samples: { every: 0 } } }, /record\.samples\.every is 0; it takes a whole number above 0/],
    [{ record: { samples: 'some' } }, /record\.samples is "some"; it takes 'all', 'off' or \{ every: k \}/],
    [{ record: { quota: -1 } }, /record\.quota is -1; it takes a whole number above 0/],
    [{ orphanLimit: 0 }, /orphanLimit is 0; it takes a number above 0/],
    [{ keepCheckpoints: -1 }, /keepCheckpoints is -1; it takes a whole number from 0/],
    [{ arms: { 'a,b': {} } }, /arms\.a,b: an arm is named by/],
    [{ onReport: 5 }, /onReport is 5; it takes a function/],
    [{ weighting: 'papre' }, /weighting is "papre"; it takes 'default', 'paper', 'reference' or \{ preset/],
    [
      { weighting: { preset: 'paper' } },
      /weighting is .*"paper".*; it takes 'default', 'paper', 'reference'/,
    ],
    [
      { weighting: { preset: 'reference', alpha: 0 } },
      /weighting(\.alpha)? is .*; it takes .*a number above 0/,
    ],
    [{ weighting: { preset: 'reference', alpha: Infinity } }, /weighting.*; it takes .*a number above 0/],
    [{ weighting: { preset: 'reference', floor: 1 } }, /weighting.*; it takes .*true or false/],
    [
      { weighting: { preset: 'reference', aplha: 1 } },
      /unknown setting of weighting "aplha" \(did you mean "alpha"\?\); known: preset, alpha, floor/,
    ],
    [{ arms: { a: { weighting: 'x' } } }, /arms\.a\.weighting is "x"; it takes 'default', 'paper'/],
  ])('when a value does not fit: %#', (spec, message) => {
    expect(refusal(spec)).toMatch(message)
  })

  test('when "best" would be picked on the test split', () => {
    expect(refusal({ objective: { metric: 'test.accuracy', goal: 'maximize' } })).toMatch(
      /never picked on test/,
    )
  })

  test('for everything at once, a line each', () => {
    expect(refusal({ name: '', orphanLimit: 0 })).toMatch(
      /does not hold:\n {2}name is "".*\n {2}orphanLimit is 0/,
    )
  })

  test('when it is no object at all', () => {
    expect(complaintOf(() => defineExperiment(undefined as never))).toMatch(/the experiment does not hold/)
  })
})

test('an experiment is told from what only looks like one', () => {
  expect(isExperiment(experimentOf({}))).toBe(true)
  expect(isExperiment({ spec: {} })).toBe(false)
  expect(isExperiment(undefined)).toBe(false)
})

test('functions of the parameters know the types of the schema', () => {
  defineExperiment({
    ...minimal,
    params: z.object({ seed: z.number().default(0), kind: z.enum(['a', 'b']) }),
    length: ({ params }) => {
      expectTypeOf(params).toEqualTypeOf<{ seed: number; kind: 'a' | 'b' }>()
      return epochs(params.seed)
    },
    controls: ({ params }) => {
      expectTypeOf(params.kind).toEqualTypeOf<'a' | 'b'>()
      return { lambda: off(), own: params.seed }
    },
    arms: {
      one: {
        params: { kind: 'a' },
        controls: ({ params }) => {
          expectTypeOf(params.seed).toEqualTypeOf<number>()
          return {}
        },
      },
      // @ts-expect-error An arm sets parameters of the schema alone.
      two: { params: { kind: 'c' } },
    },
  })
  // @ts-expect-error A control is a number or a schedule.
  expect(() => defineExperiment({ ...minimal, controls: { lambda: 'off' } })).not.toThrow()
})
