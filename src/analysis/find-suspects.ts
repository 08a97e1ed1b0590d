/** Finds the samples of a run that are most likely to have a wrong label, from its directory, while it runs or afterwards. */
import { AbsgdError } from '../errors.js'
import { runsRoot } from '../log/run-directory.js'
import { selectRun } from '../log/select-runs.js'
import { readRun } from '../log/read-run.js'
import { overviewOf, type SampleOverview } from '../samples/sample-overview.js'
import { UNKNOWN_LABEL } from '../samples/sample-columns.js'
import { emptySampleLosses, ofClass, withSamples, type SampleLosses } from '../samples/sample-losses.js'
import type { DamagedFile } from '../history/summarize-run.js'
import { suspectOf, topIndices, type Suspect } from '../samples/suspect-ranking.js'
import { readRunView, type RunView } from '../log/run-view.js'

/** A suspect, with the name of the sample if the task gives names. */
export interface NamedSuspect extends Suspect {
  readonly id?: string
}

export interface SuspectsOptions {
  /** Number of suspects, from 1. @default 50 */
  readonly count?: number
  /** Only samples with this label. @default all */
  readonly label?: number
  /** Folder of runs. @default $ABSGD_RUNS, else ./runs */
  readonly runs?: string
}

export interface Suspects {
  /** Most suspicious first. */
  readonly suspects: readonly NamedSuspect[]
  /** Summary of all ranked samples: the distribution of losses; if true labels are known, how well the ranking finds wrong labels. */
  readonly overview: SampleOverview
  /** Parts of the log that could not be read; everything before them counts. */
  readonly damage: readonly DamagedFile[]
}

/** Documented in `on-demand.ts`, which is what the public API exports. */
export async function suspects(run: string, options: SuspectsOptions = {}): Promise<Suspects> {
  const { count = 50, label, runs } = options
  if (!Number.isInteger(count) || count < 1)
    throw new AbsgdError('usage', `count must be a whole number from 1, not ${count}`)
  const dir = selectRun(runsRoot(runs), run)
  const { view, losses } = await readSamples(dir, label)
  const found: NamedSuspect[] = []
  for await (const block of rankedSuspects(dir, losses, count)) for (const one of block) found.push(one)
  return { suspects: found, overview: overviewOf(losses), damage: view.damage }
}

export interface SampleReading {
  readonly view: RunView
  /** At least one sample was seen. */
  readonly losses: SampleLosses
}

/**
 * Sums up the samples of the run in `dir`, with one label or all. It streams the log: memory depends only on the number of samples.
 *
 * @throws AbsgdError 'usage' when there is nothing to rank; it names the reason and the remedy.
 */
export async function readSamples(dir: string, label?: number): Promise<SampleReading> {
  let losses = emptySampleLosses()
  const view = await readRunView(dir, {
    onRecord: (record) => {
      losses = withSamples(losses, record)
    },
  })
  if (!hasSeen(losses)) throw nothingToRankError(view, losses)
  if (label === undefined) return { view, losses }
  const chosen = ofClass(losses, label)
  if (!hasSeen(chosen)) throw unknownLabelError(view, losses, label)
  return { view, losses: chosen }
}

/** The first `count` suspects in blocks, so that memory does not depend on `count`. */
export async function* rankedSuspects(
  dir: string,
  losses: SampleLosses,
  count: number,
  blockSize = BLOCK,
): AsyncGenerator<NamedSuspect[]> {
  yield* namedSamples(dir, losses, topIndices(losses, count), blockSize)
}

/**
 * The samples with these indices in blocks; the rank is the place in `indices`.
 *
 * Ids are at the beginning of the log of samples: only the part that a block needs is read again.
 */
export async function* namedSamples(
  dir: string,
  losses: SampleLosses,
  indices: Uint32Array,
  blockSize = BLOCK,
): AsyncGenerator<NamedSuspect[]> {
  for (let first = 0; first < indices.length; first += blockSize) {
    const block = indices.subarray(first, first + blockSize)
    const ids = losses.hasIds ? await readIds(dir, block) : new Map<number, string>()
    yield Array.from(block, (index, i) => {
      const suspect = suspectOf(losses, index, first + i + 1)
      const id = ids.get(index)
      return id === undefined ? suspect : { ...suspect, id }
    })
  }
}

async function readIds(dir: string, indices: Uint32Array): Promise<Map<number, string>> {
  const missing = new Set(indices)
  const ids = new Map<number, string>()
  for await (const { body } of readRun(dir, { streams: ['samples'] })) {
    if (body.type !== 'sample-info') continue
    for (const [i, id] of body.ids.entries())
      if (missing.delete(body.firstIndex + i)) ids.set(body.firstIndex + i, id)
    if (missing.size === 0) break
  }
  return ids
}

function hasSeen({ counts }: SampleLosses): boolean {
  return counts.some((count) => count > 0)
}

function nothingToRankError(view: RunView, { unindexed, beyond }: SampleLosses): AbsgdError {
  const run = `the run "${view.manifest.run}"`
  if (unindexed > 0)
    return new AbsgdError(
      'usage',
      `the samples of ${run} have no index, so that a loss cannot be assigned to a sample`,
      {
        hint: 'train on data that is drawn by index: a map-style dataset, or tensors, as the data of the task; in a script, absgd_worker.track(loader)',
      },
    )
  if (beyond > 0)
    return new AbsgdError('usage', `the samples of ${run} have indices from 2^27 on, which are not ranked`, {
      hint: 'number the samples from 0, without holes',
    })
  return noSamplesError(view)
}

/** The error for a run whose log has no samples: the reason and the remedy. */
export function noSamplesError({ manifest, live, damage }: RunView): AbsgdError {
  const run = `the run "${manifest.run}"`
  if (manifest.config.sampleEvery === 0)
    return new AbsgdError(
      'usage',
      `${run} keeps no samples: its experiment says record: { samples: 'off' }`,
      {
        hint: "train with record: { samples: 'all' }, or { samples: { every: 10 } } for every tenth step",
      },
    )
  const hint = live
    ? 'it is running: ask again once it has trained some steps'
    : damage.length > 0
      ? `its log is damaged: see "absgd show ${manifest.run}"`
      : `it trained no step, or its log of samples is gone: see "absgd show ${manifest.run}"`
  return new AbsgdError('usage', `${run} has no samples in its log${live ? ' yet' : ''}`, { hint })
}

function unknownLabelError({ manifest }: RunView, losses: SampleLosses, label: number): AbsgdError {
  const known = new Set<number>()
  for (let index = 0; index < losses.size && known.size < LABELS_NAMED; index += 1)
    if (losses.counts[index]! > 0 && losses.labels[index] !== UNKNOWN_LABEL) known.add(losses.labels[index]!)
  const some = [...known].sort((a, b) => a - b).join(', ')
  return new AbsgdError('usage', `no sample of the run "${manifest.run}" has the label ${label}`, {
    hint:
      known.size === 0
        ? 'its task gives no labels'
        : `there are ${some}${known.size < LABELS_NAMED ? '' : ' and more'}`,
  })
}

const LABELS_NAMED = 20
/** Number of suspects in memory at a time. */
const BLOCK = 1 << 17
