/** Checkpoints of a simulated worker: their content as bytes, and the files that hold them. Float64 arrays are base64 in JSON, exact to the bit. */
import { AbsgdError } from '../errors.js'
import type { CheckpointWritten, Position } from '../record/record.js'
import type { WeightingRule } from '../record/weighting-rule.js'
import type { WeightState } from '../weighting/weigh-batch.js'
import type { OptimizerState } from './model.js'

/** The checkpoint files of a run. The caller of `startSimulatedWorker` provides them: only log/ touches the files of a run. */
export interface CheckpointStore {
  /**
   * Writes a checkpoint whole or not at all. Returns the older ones to delete, so that the `keep` newest stay (0: all). Automatic
   * ones are counted separately, and the last three of them stay.
   *
   * @throws AbsgdError when the disk refuses; earlier checkpoints are untouched.
   */
  write(
    position: Position,
    bytes: Uint8Array,
    keep: number,
    automatic: boolean,
  ): Omit<CheckpointWritten, 'type' | 'position' | 'seconds'>
  /** Deletes checkpoints by path. */
  delete(paths: readonly string[]): void
  /** @throws AbsgdError when the file is missing, or its hash is not `sha256`; an empty one is not compared. */
  read(path: string, sha256: string): Uint8Array
}

export interface SavedState extends OptimizerState {
  readonly position: Position
  readonly seed: number
  /** Samples drawn since the start of the run. */
  readonly consumed: number
  readonly rule: WeightingRule
  readonly weighing: WeightState
}

export function encodeState(saved: SavedState): Uint8Array {
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

/** @throws AbsgdError 'run-directory' for bytes that `encodeState` did not write */
export function decodeState(bytes: Uint8Array): SavedState {
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

interface SavedFile extends Omit<SavedState, 'weighing' | 'parameters' | 'velocity'> {
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
  throw new AbsgdError('run-directory', `the checkpoint is not one of a simulated worker (${FORMAT})`)
}

function toText(numbers: ArrayLike<number>): string {
  return Buffer.from(Float64Array.from(numbers).buffer).toString('base64')
}

function toNumbers(text: string): Float64Array {
  // Copied, because a Float64Array must be aligned to 8 bytes.
  return new Float64Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer)
}

const FORMAT = 'absgd simulated 1'
const WEIGHING = ['freeEnergy', 'kl', 'lambda', 'seen'] as const
