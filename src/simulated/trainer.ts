/**
 * Trains a simulated worker step by step, and saves the state from which the next step can be repeated bit for bit.
 *
 * Shapes: B samples of a batch, C classes.
 */
import { AbsgdError } from '../errors.js'
import type { Position } from '../record/record.js'
import { DEFAULT_WEIGHTING, weightingInWords, type WeightingRule } from '../record/weighting-rule.js'
import { classFactors, weighBalanced, type Bare } from '../weighting/class-factor.js'
import { FRESH_STATE, weigh, type WeighingStatistics, type WeightControls } from '../weighting/weigh-batch.js'
import { CLASSES, SIMULATION, type SimulatedData } from './data.js'
import { createSampler } from './sampler.js'
import { createOptimizer, forward, freshParameters, gradient } from './model.js'
import { decodeState, encodeState } from './saved-state.js'

export type Row = Readonly<Record<string, number>>

export interface Trained {
  /** The applied controls: those of the row, and the optimizer's own for the others. */
  readonly controls: Row
  readonly statistics: WeighingStatistics & { readonly bare?: Bare }
  /** [B], before weighting. */
  readonly losses: Float32Array
  /** [B]. */
  readonly weights: Float32Array
  /** [B]. */
  readonly indices: Uint32Array
  /** [C]. */
  readonly classMass: Float32Array
  readonly topClassShare: number
}

export interface Trainer {
  /** Sets the rule of weights. Called before the first step. */
  setWeightingRule(rule: WeightingRule): void
  /** Trains one step. Throws AbsgdError 'worker' for a row that sets lambda without gamma. */
  step(row: Row): Trained
  /** [C, D + 1]. */
  parameters(): Float64Array
  /** The state between two steps, as a checkpoint holds it. */
  save(position: Position): Uint8Array
  /** Restores a saved state, and returns its step. Throws AbsgdError 'run-directory', with nothing changed. */
  load(saved: Uint8Array): number
}

export function createTrainer(data: SimulatedData, seed: number): Trainer {
  const { samples, batchSize } = SIMULATION
  const { labels } = data.train
  const sampler = createSampler(samples, batchSize, seed)
  const optimizer = createOptimizer(freshParameters())
  let rule = DEFAULT_WEIGHTING
  let weighing = FRESH_STATE
  const counts = new Uint32Array(CLASSES)
  for (const label of labels) counts[label]! += 1

  /** [B]; undefined if the row has no class factor. */
  function factorsOf({ class_balance: beta = 0 }: Row, indices: Uint32Array): Float64Array | undefined {
    if (beta === 0) return undefined
    const byClass = classFactors(counts, beta)
    return Float64Array.from(indices, (sample) => byClass[labels[sample]!]!)
  }

  return {
    setWeightingRule(chosen) {
      rule = chosen
    },
    step(row) {
      const controls = weightControlsOf(row)
      const applied = { ...row, ...optimizer.setHyperparameters(row) }
      const indices = sampler.draw()
      const pass = forward(optimizer.parameters, data.train, indices)
      const factors = factorsOf(row, indices)
      const weighed =
        factors === undefined
          ? weigh(pass.losses, controls, weighing, rule)
          : weighBalanced(pass.losses, factors, controls, weighing, rule)
      weighing = weighed.state
      // The applied weights are float32, as those of a Python worker, and exactly these are reported.
      const weights = Float32Array.from(weighed.weights)
      optimizer.step(gradient(pass, data.train, indices, Float64Array.from(weights)), row['clip_norm'])
      const classMass = new Float32Array(CLASSES)
      const classCount = new Uint32Array(CLASSES)
      indices.forEach((sample, i) => {
        classMass[labels[sample]!]! += weights[i]!
        classCount[labels[sample]!]! += 1
      })
      const top = classMass.indexOf(Math.max(...classMass))
      return {
        controls: applied,
        statistics: weighed.statistics,
        losses: Float32Array.from(pass.losses),
        weights,
        indices,
        classMass,
        topClassShare: (classCount[top] ?? NaN) / indices.length,
      }
    },
    parameters: () => optimizer.parameters,
    save: (position) =>
      encodeState({ ...optimizer.state(), position, seed, consumed: sampler.consumed(), rule, weighing }),
    load(bytes) {
      const saved = decodeState(bytes)
      requireSame('the seed', seed, saved.seed)
      requireSame('the rule of weights', weightingInWords(rule), weightingInWords(saved.rule))
      optimizer.restore(saved)
      sampler.moveTo(saved.consumed)
      weighing = saved.weighing
      return saved.position.step
    },
  }
}

function requireSame(what: string, own: number | string, saved: number | string): void {
  if (own === saved) return
  throw new AbsgdError('run-directory', `${what} is ${own}, but the checkpoint was written with ${saved}`)
}

function weightControlsOf(row: Row): WeightControls {
  const { lambda = Infinity, gamma } = row
  if (gamma === undefined && Number.isFinite(lambda)) {
    throw new AbsgdError('worker', `the plan sets lambda to ${lambda} but no gamma`, {
      hint: 'give gamma in (0, 1]',
    })
  }
  return { lambda, gamma: gamma ?? 1 }
}
