/** The toy, trained by hand. */
import type { WeightingRule } from '../../src/record/weighting-rule.js'
import { makeData } from '../../src/simulated/data.js'
import { evaluateSplits } from '../../src/simulated/evaluation.js'
import { createTrainer, type Row, type Trained } from '../../src/simulated/trainer.js'

export interface Outcome {
  readonly steps: readonly Trained[]
  /** On the split without noise. */
  readonly accuracy: number
  /** Of the class that does worst there. */
  readonly worst: number
  /** Mean (Σw)²/Σw² over n. */
  readonly essRatio: number
  readonly saved: Uint8Array
}

export function train(
  rowAt: (step: number) => Row,
  {
    steps = 600,
    seed = 1,
    noise = 0.3,
    rule,
  }: { steps?: number; seed?: number; noise?: number; rule?: WeightingRule } = {},
): Outcome {
  const data = makeData(seed, noise)
  const trainer = createTrainer(data, seed)
  if (rule !== undefined) trainer.setWeightingRule(rule)
  const trained = Array.from({ length: steps }, (_, step) => trainer.step(rowAt(step)))
  const [, test] = evaluateSplits(trainer.parameters(), data, { attempt: 1, step: steps - 1 })
  const { classes, counts } = test!.confusion!
  const recalls = Array.from({ length: classes }, (_, c) => {
    const row = counts.subarray(c * classes, (c + 1) * classes)
    return row[c]! / row.reduce((sum, count) => sum + count, 0)
  })
  const ratios = trained.map(({ statistics: { sumW, sumW2, n } }) => sumW ** 2 / sumW2 / n)
  return {
    steps: trained,
    accuracy: test!.metrics['accuracy']!,
    worst: Math.min(...recalls),
    essRatio: ratios.reduce((sum, ratio) => sum + ratio, 0) / steps,
    saved: trainer.save({ attempt: 1, step: steps }),
  }
}
