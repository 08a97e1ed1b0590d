/** Reads the samples of a run when the user opens the panel of suspects, and follows them from then on. */
import { setTimeout as sleep } from 'node:timers/promises'
import { toAbsgdError } from '../../../errors.js'
import { noiseRanking } from '../../../samples/noise-auc.js'
import type { LogRecord } from '../../../record/record.js'
import { emptySampleLosses, withSamples, type SampleLosses } from '../../../samples/sample-losses.js'
import { topSuspects, type Suspect } from '../../../samples/suspect-ranking.js'
import type { RewindPoint } from '../../../history/visible-steps.js'
import type { RunSource } from './source.js'

/** The samples that are most likely labelled wrong, by all samples read so far. */
export interface SuspectsState {
  readonly status: 'reading' | 'ready' | 'failed'
  /** The reason of a failure; empty otherwise. */
  readonly problem: string
  /** The beginning of the ranking, at most `SUSPECTS_KEPT`. */
  readonly top: readonly NamedSuspect[]
  /** Number of samples that could be ranked: the largest index plus 1. */
  readonly samples: number
  /** How well the ranking finds wrong labels; undefined if the true labels are not known. */
  readonly auc: number | undefined
}

export interface NamedSuspect extends Suspect {
  /** The user's id of the sample. */
  readonly id?: string
}

export interface SampleFeed {
  state(): SuspectsState
  /** Starts to read, unless it was started before. */
  start(signal: AbortSignal): void
}

export interface SampleFeedParts {
  readonly source: Pick<RunSource, 'samples' | 'isDriven'>
  /** The known rewinds; samples that they hide are not counted. */
  readonly rewinds: () => readonly RewindPoint[]
  /** Resolves when all existing rewinds are known. */
  readonly caughtUp: Promise<void>
  /** Called after every change of the state. */
  readonly changed: () => void
}

export function createSampleFeed({ source, rewinds, caughtUp, changed }: SampleFeedParts): SampleFeed {
  let state = NOTHING_YET
  let begun = false

  function set(next: SuspectsState): void {
    state = next
    changed()
  }

  /** Reads until a rewind hides samples that were read, or the run has no controller. */
  async function readOnce(signal: AbortSignal): Promise<void> {
    const known = rewinds()
    let losses = emptySampleLosses(known)
    const names = new Map<number, string>()
    let stale = true
    let status: SuspectsState['status'] = 'reading'
    let nextMs = -Infinity

    const refresh = () => {
      const beganMs = performance.now()
      set(rankingOf(losses, names, status))
      stale = false
      // Ranking millions of samples takes a while, and the screen must not wait for it each time.
      nextMs = performance.now() + Math.max(REFRESH_MS, REST * (performance.now() - beganMs))
    }
    for await (const block of source.samples(signal)) {
      if (signal.aborted || !isSame(known, rewinds())) return
      let some = false
      for (const record of block) {
        some = true
        losses = withSamples(losses, record)
        keepNames(names, record)
      }
      stale ||= some
      // Samples from now on are new.
      const first = !some && status === 'reading'
      if (first) status = 'ready'
      if (first || (stale && performance.now() >= nextMs)) refresh()
    }
    if (signal.aborted || !isSame(known, rewinds())) return
    status = 'ready'
    refresh()
    while (!source.isDriven() && isSame(known, rewinds()) && !signal.aborted) {
      await sleep(IDLE_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  async function read(signal: AbortSignal): Promise<void> {
    await caughtUp
    while (!signal.aborted) await readOnce(signal)
  }

  return {
    state: () => state,
    start(signal) {
      if (begun) return
      begun = true
      read(signal).catch((thrown: unknown) => {
        set({ ...NOTHING_YET, status: 'failed', problem: toAbsgdError(thrown, 'log').message })
      })
    },
  }
}

function rankingOf(
  losses: SampleLosses,
  names: ReadonlyMap<number, string>,
  status: SuspectsState['status'],
): SuspectsState {
  const top = topSuspects(losses, SUSPECTS_KEPT).map((suspect): NamedSuspect => {
    const id = names.get(suspect.index)
    return id === undefined ? suspect : { ...suspect, id }
  })
  return { status, problem: '', top, samples: losses.size, auc: noiseRanking(losses)?.auc }
}

function keepNames(names: Map<number, string>, { body }: LogRecord): void {
  if (body.type !== 'sample-info') return
  body.ids.forEach((id, i) => {
    if (id !== '' && names.size < NAMES_KEPT) names.set(body.firstIndex + i, id)
  })
}

function isSame(a: readonly RewindPoint[], b: readonly RewindPoint[]): boolean {
  return a.length === b.length && a.every(({ attempt }, i) => attempt === b[i]!.attempt)
}

export const NOTHING_YET: SuspectsState = {
  status: 'reading',
  problem: '',
  top: [],
  samples: 0,
  auc: undefined,
}
const SUSPECTS_KEPT = 100
/** Samples with a larger index are shown without their id: millions of ids would fill the memory. */
const NAMES_KEPT = 100_000
const REFRESH_MS = 2000
/** The pause between two rankings, as a multiple of the time that a ranking takes. */
const REST = 20
const IDLE_MS = 1000
