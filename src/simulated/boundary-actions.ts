/** The actions between two steps: evaluate, predict, write a checkpoint, restore one. */
import { toAbsgdError } from '../errors.js'
import type { Position } from '../record/record.js'
import type { SimulatedData } from './data.js'
import { evaluateSplits, predictTraining } from './evaluation.js'
import type { CheckpointStore } from './saved-state.js'
import type { Telemetry } from './telemetry.js'
import type { Trainer } from './trainer.js'

/** The strings that methods return are messages for people. */
export interface BoundaryActions {
  /** Evaluates all splits, once per position, and not before the first step. */
  evaluate(position: Position): string
  /** Records the predictions for the training data, once per position, and not before the first step. */
  predict(position: Position): void
  /**
   * Writes a checkpoint, once per position. Automatic ones are counted separately. The record is on disk before older checkpoints are
   * deleted. Throws AbsgdError if it cannot be written, and records a warning as well.
   */
  checkpoint(position: Position, keep: number, automatic?: boolean): string
  /** Like `checkpoint`, but returns the error message instead of throwing; empty if all is well. */
  tryToCheckpoint(position: Position, keep: number): string
  /** Loads a checkpoint and returns its step. Throws AbsgdError, with nothing changed. */
  restore(path: string, sha256: string): number
}

export interface BoundaryActionsParts {
  readonly trainer: Trainer
  readonly data: SimulatedData
  readonly telemetry: Pick<Telemetry, 'append' | 'sync'>
  readonly checkpoints: CheckpointStore
  /** Monotonic milliseconds. */
  readonly clock: () => number
}

export function createBoundaryActions({
  trainer,
  data,
  telemetry,
  checkpoints,
  clock,
}: BoundaryActionsParts): BoundaryActions {
  let evaluated: Position | undefined
  let predicted: Position | undefined
  let saved: Position | undefined

  function checkpoint(position: Position, keep: number, automatic = false): string {
    if (isSame(position, saved)) return `the checkpoint of step ${position.step} is on disk already`
    const began = clock()
    const written = write(position, keep, automatic)
    const seconds = (clock() - began) / 1000
    telemetry.append({ type: 'checkpoint-written', position, seconds, ...written })
    if (telemetry.sync()) checkpoints.delete(written.deleted)
    saved = position
    return `checkpoint ${written.path} (${written.bytes} bytes)`
  }

  function write(position: Position, keep: number, automatic: boolean) {
    try {
      return checkpoints.write(position, trainer.save(position), keep, automatic)
    } catch (thrown) {
      const steps = position.step === 1 ? '1 step' : `${position.step} steps`
      const text = `no checkpoint after ${steps}: ${toAbsgdError(thrown, 'run-directory').message}`
      telemetry.append({ type: 'note', level: 'warning', text, position })
      throw thrown
    }
  }

  return {
    checkpoint,
    tryToCheckpoint(position, keep) {
      try {
        checkpoint(position, keep)
        return ''
      } catch (thrown) {
        return toAbsgdError(thrown, 'run-directory').message
      }
    },
    evaluate(position) {
      if (position.step === 0) return 'nothing to evaluate'
      if (isSame(position, evaluated)) return 'evaluated already'
      const began = clock()
      const after = { attempt: position.attempt, step: position.step - 1 }
      const evaluations = evaluateSplits(trainer.parameters(), data, after)
      const seconds = (clock() - began) / 1000
      for (const evaluation of evaluations) telemetry.append({ ...evaluation, seconds })
      evaluated = position
      return evaluations
        .map(({ split, metrics }) => `${split}.accuracy ${(metrics['accuracy'] ?? NaN).toPrecision(4)}`)
        .join(', ')
    },
    predict(position) {
      if (position.step === 0 || isSame(position, predicted)) return
      const after = { attempt: position.attempt, step: position.step - 1 }
      telemetry.append(predictTraining(trainer.parameters(), data, after))
      predicted = position
    },
    restore(path, sha256) {
      const step = trainer.load(checkpoints.read(path, sha256))
      evaluated = predicted = saved = undefined
      return step
    },
  }
}

function isSame(a: Position, b: Position | undefined): boolean {
  return a.attempt === b?.attempt && a.step === b.step
}
