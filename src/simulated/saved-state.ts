/** A simulated worker's checkpoint as bytes: JSON, with numbers that must return bit for bit in base64. */
import { AbsgdError } from '../errors.js'
import type { Position } from '../record/record.js'
import type { WeightingRule } from '../record/weighting-rule.js'
import type { WeightState } from '../weighting/weigh-batch.js'
import type { OptimizerState } from './optimizer.js'

export interface Saved extends OptimizerState {
  readonly position: Position
  readonly seed: number
  /** Samples drawn since the start of the run. */
  readonly consumed: number
  readonly rule: WeightingRule
  readonly weighing: WeightState
}

export function writeSaved(saved: Saved): Uint8Array {
  const { position, seed, consumed, settings, rule, weighing } = saved
  const file: SavedFile = {
    format: FORMAT,
    position,
    seed,
    consumed,
    settings,
    rule,
    weighing: toText(WEIGHING.map((name) => weighing[name])),
    parameters: toText(saved.parameters),
    velocity: toText(saved.velocity),
  }
  return Buffer.from(`${JSON.stringify(file, undefined, 2)}\n`)
}

/** Throws AbsgdError 'run-directory' for what `writeSaved` did not write. */
export function readSaved(bytes: Uint8Array): Saved {
  const file = parse(bytes)
  const [freeEnergy, kl, lambda, seen] = toNumbers(file.weighing) as unknown as [
    number,
    number,
    number,
    number,
  ]
  return {
    ...file,
    parameters: toNumbers(file.parameters),
    velocity: toNumbers(file.velocity),
    weighing: { freeEnergy, kl, lambda, seen },
  }
}

interface SavedFile extends Omit<Saved, 'weighing' | 'parameters' | 'velocity'> {
  readonly format: string
  readonly weighing: string
  readonly parameters: string
  readonly velocity: string
}

function parse(bytes: Uint8Array): SavedFile {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes).toString())
  } catch {
    value = undefined
  }
  if (typeof value === 'object' && value !== null && 'format' in value && value.format === FORMAT) {
    return value as SavedFile
  }
  throw new AbsgdError('run-directory', `the checkpoint is none of a simulated worker (${FORMAT})`)
}

function toText(numbers: ArrayLike<number>): string {
  return Buffer.from(Float64Array.from(numbers).buffer).toString('base64')
}

function toNumbers(text: string): Float64Array {
  // Copied to where a float64 may lie.
  return new Float64Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer)
}

const FORMAT = 'absgd simulated 1'
const WEIGHING = ['freeEnergy', 'kl', 'lambda', 'seen'] as const
