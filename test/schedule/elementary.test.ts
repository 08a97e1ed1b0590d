import { describe, expect, test } from 'vitest'
import { cosPi, exp, log } from '../../src/schedule/elementary.js'
import { fc, test as property } from './property.js'

/** Units in the last place between two numbers of one sign. */
function distance(found: number, true_: number): number {
  const [a, b] = [found, true_].map((value) => {
    const view = new DataView(new ArrayBuffer(8))
    view.setFloat64(0, Math.abs(value))
    return view.getBigInt64(0)
  }) as [bigint, bigint]
  return Math.abs(Number(a - b))
}

const double = (min: number, max: number) => fc.double({ min, max, noNaN: true })

property([double(-745, 709.7)], 'exp is accurate in the last place', (x) => {
  expect(distance(exp(x), Math.exp(x))).toBeLessThanOrEqual(2)
})

property(
  [fc.oneof(double(Number.MIN_VALUE, Number.MAX_VALUE), double(0.5, 2))],
  'log is accurate in the last place',
  (x) => {
    expect(distance(log(x), Math.log(x))).toBeLessThanOrEqual(2)
  },
)

property([double(0, 1)], 'cosPi is accurate, and symmetric where 1 − x is exact', (x) => {
  expect(Math.abs(cosPi(x) - Math.cos(Math.PI * x))).toBeLessThanOrEqual(4.5e-16)
  const exact = Math.round(x * 1024) / 1024
  expect(cosPi(exact) + cosPi(1 - exact)).toBe(0)
})

describe('the ends of the range are exact', () => {
  test.each([
    ['exp(0)', exp(0), 1],
    ['log(1)', log(1), 0],
    ['cosPi(0)', cosPi(0), 1],
    ['cosPi(1/2)', cosPi(0.5), 0],
    ['cosPi(1)', cosPi(1), -1],
    ['exp(710)', exp(710), Infinity],
    ['exp(-746)', exp(-746), 0],
    ['exp(-∞)', exp(-Infinity), 0],
    ['log(∞)', log(Infinity), Infinity],
    ['log(0)', log(0), -Infinity],
    ['log(-1)', log(-1), NaN],
    ['log of the least number', log(Number.MIN_VALUE), Math.log(Number.MIN_VALUE)],
  ])('%s', (_what, found, expected) => {
    expect(found).toBe(expected)
  })
})
