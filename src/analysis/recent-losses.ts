/** Reads the losses of the last steps of a run from its directory, while it runs or afterwards. */
import { AbsgdError } from '../errors.js'
import { createRecentSamples, type LabelledBatch } from '../samples/recent-samples.js'
import { isUsable } from '../weighting/solve-lambda.js'
import { spreadOf, type LossesRead } from './loss-spread.js'
import { noSamplesError } from './find-suspects.js'
import { readRunView, type RunView } from '../log/run-view.js'

export interface RecentLosses {
  readonly view: RunView
  /** At least one batch; all losses are finite. */
  readonly batches: readonly LabelledBatch[]
  readonly about: LossesRead
}

export interface RecentOptions {
  /** Number of the last steps with recorded samples that are read, from 1. @default 64 */
  readonly steps?: number
  /** Folder of runs. @default $ABSGD_RUNS, else ./runs */
  readonly runs?: string
}

/**
 * It streams the log: memory depends on the number of steps kept, and on the number of samples if they have labels.
 *
 * @throws AbsgdError 'usage' when `steps` is no whole number from 1, or there are no losses; it names the reason and the remedy.
 */
export async function readRecentLosses(dir: string, steps = STEPS): Promise<RecentLosses> {
  if (!Number.isSafeInteger(steps) || steps < 1)
    throw new AbsgdError('usage', `steps is ${String(steps)}, must be a whole number from 1`)
  const recent = createRecentSamples(steps)
  const view = await readRunView(dir, { onRecord: recent.add })
  const weighing = recent.weighing()
  const all = recent.batches()
  const batches = all.filter(({ losses }) => isUsable(losses))
  const [first, last] = [batches[0], batches.at(-1)]
  if (weighing === undefined || all.length === 0) throw noSamplesError(view)
  if (first === undefined || last === undefined) throw noFiniteBatchError(view, all)
  const about = {
    firstStep: first.step,
    lastStep: last.step,
    batches: batches.length,
    samples: batches.reduce((sum, { losses }) => sum + losses.length, 0),
    leftOut: all.length - batches.length,
    weighing,
    spread: spreadOf(batches),
    damage: view.damage,
  }
  return { view, batches, about }
}

function noFiniteBatchError({ manifest: { run } }: RunView, all: readonly LabelledBatch[]): AbsgdError {
  const from = `step ${all[0]!.step} on`
  return new AbsgdError('usage', `no batch of the run "${run}" from ${from} has finite losses alone`, {
    hint: `training has diverged: see "absgd show ${run}", or look further back with more --steps`,
  })
}

const STEPS = 64
