import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { resolveParams } from '../../src/experiment/resolve-params.js'
import { complaintOf, resolved } from './helper.js'

const schema = z.object({
  seed: z.number().int().default(0),
  noise: z.number().min(0).max(0.9).default(0.3),
  rate: z.number().gt(0).lt(1).optional(),
  kind: z.enum(['asymmetric', 'symmetric']).default('asymmetric'),
  size: z.literal([8, 16]).default(8),
  augment: z.boolean().default(false),
  label: z.string().default(''),
  layers: z.array(z.number()).default([16, 32]),
})

describe('text from a command line becomes what the schema asks for', () => {
  test.each([
    ['seed', '7', 7],
    ['noise', '1e-1', 0.1],
    ['kind', 'symmetric', 'symmetric'],
    ['size', '16', 16],
    ['augment', 'true', true],
    ['augment', 'false', false],
    ['label', '7', '7'],
    ['layers', '[8, 8]', [8, 8]],
    ['rate', '0.5', 0.5],
  ])('%s=%s', (name, text, value) => {
    expect(resolveParams(schema, {}, { [name]: text })[name]).toEqual(value)
  })
})

test('what is not said is the default, and values stay as they are', () => {
  expect(resolveParams(schema, {}, { seed: 3 })).toEqual({
    seed: 3,
    noise: 0.3,
    kind: 'asymmetric',
    size: 8,
    augment: false,
    label: '',
    layers: [16, 32],
  })
})

test('resolved parameters resolve to themselves', () => {
  const once = resolveParams(schema, {}, { seed: '3', label: 'true' })
  expect(resolveParams(schema, {}, once)).toEqual(once)
})

test('the command line goes over an arm, an arm over the defaults', () => {
  const arms = { noisy: { params: { noise: 0.6, seed: 5 } } }
  expect(resolved({ params: schema, arms }, { arm: 'noisy', params: { seed: '9' } }).params).toMatchObject({
    noise: 0.6,
    seed: 9,
    kind: 'asymmetric',
  })
})

describe('refused is', () => {
  test('an unknown parameter, with the known ones and the one that may be meant', () => {
    expect(complaintOf(() => resolveParams(schema, {}, { sede: '1' }))).toMatch(
      /unknown parameter "sede" \(did you mean "seed"\?\); known: seed, noise/,
    )
    expect(complaintOf(() => resolveParams(schema, { foo: 1 }, {}))).toMatch(
      /unknown parameter "foo"; known: seed/,
    )
    expect(complaintOf(() => resolveParams(schema, {}, { toString: '1' }))).toMatch(
      /unknown parameter "toString"/,
    )
  })

  test('every value that does not fit, with its range', () => {
    const given = {
      seed: '1.5',
      noise: '2',
      rate: '0',
      kind: 'odd',
      size: '9',
      augment: 'yes',
      layers: 'many',
      label: 5,
    }
    expect(complaintOf(() => resolveParams(schema, {}, given)).trimEnd()).toBe(
      [
        'the parameters do not hold:',
        '  seed is 1.5; it takes a whole number',
        '  noise is 2; it takes a number from 0 to 0.9',
        '  rate is 0; it takes a number above 0, below 1',
        '  kind is "odd"; it takes one of asymmetric, symmetric',
        '  size is "9"; it takes one of 8, 16',
        '  augment is "yes"; it takes true or false',
        '  label is 5; it takes text',
        '  layers is "many"; it takes an array',
      ].join('\n'),
    )
  })

  test('text that is no number', () => {
    expect(complaintOf(() => resolveParams(schema, {}, { seed: '' }))).toMatch(
      /seed is ""; it takes a whole number/,
    )
    expect(complaintOf(() => resolveParams(schema, {}, { seed: '1x' }))).toMatch(/seed is "1x"/)
    expect(complaintOf(() => resolveParams(schema, {}, { noise: 'Infinity' }))).toMatch(/noise is Infinity/)
  })

  test('a value that has no default and is not given', () => {
    expect(complaintOf(() => resolveParams(z.object({ data: z.string() }), {}, {}))).toMatch(
      /data is missing; it takes text/,
    )
  })

  test('what the schema refuses in its own words', () => {
    const even = z.object({ width: z.number().refine((width) => width % 2 === 0, 'an even width is needed') })
    expect(complaintOf(() => resolveParams(even, {}, { width: '3' }))).toMatch(
      /width is 3; an even width is needed/,
    )
  })
})
