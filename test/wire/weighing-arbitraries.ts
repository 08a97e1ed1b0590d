/** Weighings at random, of a step or of some. */
import fc from 'fast-check'
import type { StepSamples, Weighing } from '../../src/record/record.js'
import { capped, f32, f64, integer, maybe, name, u32 } from './value-arbitraries.js'

const weighing = (count: number): fc.Arbitrary<Weighing> =>
  fc.record({
    name,
    n: u32(count),
    m: f64(count),
    sumW: f64(count),
    sumW2: f64(count),
    sumWL: f64(count),
    maxW: f64(count),
    meanLoss: f64(count),
    freeEnergy: f64(count),
    capped: capped(count),
    nonFinite: u32(count),
    classMass: fc.nat({ max: 4 }).chain((classes) => f32(count * classes)),
    topClassShare: fc.oneof(f32(0), f32(count)),
  })

/** With the figures before the class factor, or without. */
export const balancedWeighing = (count: number): fc.Arbitrary<Weighing> =>
  fc.oneof(
    weighing(count),
    fc
      .tuple(weighing(count), f64(count), f64(count))
      .map(([plain, kl, ess]) => ({ ...plain, bare: { kl, ess } })),
  )

export const stepSamples: fc.Arbitrary<StepSamples> = fc.nat({ max: 6 }).chain((n) =>
  fc.record({
    step: integer,
    losses: f32(n),
    weights: f32(n),
    indices: maybe(n),
    labels: maybe(n),
    weighing: name,
  }),
)
