/** Property tests, and arbitrary schedules for them. */
import fc from 'fast-check'
import { test as vitestTest } from 'vitest'
import { constant, cosine, exponential, linear, off, piecewise, steps } from '../../src/schedule/anneal.js'
import { bound, join, scale, twoStage } from '../../src/schedule/combine-schedules.js'
import type { Duration } from '../../src/schedule/duration.js'
import type { Schedule, Source } from '../../src/schedule/schedule.js'
import { warmup } from '../../src/schedule/warmup.js'

export { fc }

/** A test that holds for every value of `arbitraries`. */
export function test<Values extends [unknown, ...unknown[]]>(
  arbitraries: { [K in keyof Values]: fc.Arbitrary<Values[K]> },
  name: string,
  holds: (...values: Values) => void,
): void {
  vitestTest(name, () => {
    fc.assert(
      fc.property(...arbitraries, (...values: Values) => {
        holds(...values)
      }),
    )
  })
}

export const durations: fc.Arbitrary<Duration> = fc.record({
  epochs: fc.oneof(
    fc.nat(5),
    fc.nat(500).map((n) => n / 100),
  ),
  steps: fc.nat(50),
})

/** Schedules without end whose values all come from `values`, which must be of one sign and not 0. */
export function schedules(values: fc.Arbitrary<number>): fc.Arbitrary<Schedule> {
  const ramp = fc.record({ init: values, end: values, over: durations })
  const simple = fc.oneof(
    values.map(constant),
    ramp.map(linear),
    ramp.map(cosine),
    ramp.map(exponential),
    ramp.map((given) => linear({ ...given, space: 'inverse' })),
    ramp.map((given) => cosine({ ...given, space: 'log' })),
    fc.tuple(ramp, values, values).map(([given, a, b]) => {
      const [min, max] = [a, b].map(Math.abs).sort((x, y) => x - y) as [number, number]
      return bound(cosine(given), { min, max })
    }),
    fc.tuple(ramp, durations).map(([given, begin]) => exponential({ ...given, begin })),
    // By powers of 2, so that values are what they were.
    ramp.map((given) => scale(scale(linear(given), -4), -0.25)),
    fc
      .tuple(
        values,
        fc.nat(40),
        fc.nat(40),
        values,
        values,
        fc.constantFrom('linear', 'cosine', 'exponential'),
      )
      .map(([init, a, b, first, second, interpolate]) =>
        piecewise({
          init,
          boundaries: [
            [a, first],
            [a + b, second],
          ],
          interpolate,
        }),
      ),
    fc.tuple(values, durations, durations, values, values).map(([init, a, b, first, second]) =>
      steps({
        init,
        at: [
          [a, first],
          [{ epochs: a.epochs + b.epochs, steps: a.steps + b.steps }, second],
        ],
      }),
    ),
  )
  return fc.oneof(
    simple,
    fc
      .tuple(simple, durations, simple, durations, simple)
      .map(([a, forA, b, forB, c]) => join(a.for(forA), b.for(forB), c)),
    fc.tuple(values, durations, simple).map(([init, over, then]) => warmup({ init, over, then })),
    fc
      .tuple(simple, durations, simple, durations, simple)
      .map(([a, forA, b, forBoth, c]) => join(join(a.for(forA), b).for(forBoth), c)),
  )
}

/** As {@link schedules}, and pieces, and what is off at times. */
export function sources(values: fc.Arbitrary<number>): fc.Arbitrary<Source> {
  const plain = schedules(values)
  const fromOff = fc
    .tuple(durations, values, durations, fc.constantFrom(linear, cosine))
    .map(([first, end, over, ramp]) =>
      join(off().for(first), ramp({ init: Infinity, end, over, space: 'inverse' })),
    )
  const toOff = fc
    .record({ init: values, over: durations })
    .map(({ init, over }) => linear({ init, end: -Infinity, over, space: 'inverse' }))
  const any = fc.oneof(plain, fromOff, toOff)
  return fc.oneof(
    any,
    fc.tuple(any, durations).map(([schedule, duration]) => schedule.for(duration)),
    fc.tuple(any, durations).map(([lambda, first]) => twoStage({ off: first, lambda })),
    fc
      .tuple(any, fc.double({ min: -8, max: -1e-3, noNaN: true }))
      .map(([schedule, by]) => scale(schedule, by)),
    fc
      .tuple(any, fc.double({ min: 0, max: 1e3, noNaN: true }))
      .map(([schedule, min]) => bound(schedule, { min })),
  )
}
