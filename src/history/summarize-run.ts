/** The summary of a run: the last line of `run --ui json`, the object of `show --json`, the result of a launched run. */
import type { MirrorPlace } from '../record/mirror.js'
import { namedMetrics, type EvaluationPoint } from './evaluations.js'
import type { Manifest, RunConfig } from '../record/manifest.js'
import type { Phase, RunStatus } from '../record/record.js'
import type { AppliedReview } from './reviews.js'
import { errorOf, type RunError } from './run-error.js'
import { isNonFiniteNow, type NonFinite } from './series/non-finite-stretches.js'
import { duplicatedSteps, lostSteps, type RunSnapshot } from './run-snapshot.js'

/** Numbers may be NaN or ±Infinity (a lambda that is off); JSON writes these as strings, see `jsonText`. */
export interface RunSummary {
  /**
   * The recorded end. Without one: `running` while a controller lives; `held-elsewhere` if the lock belongs to another machine, so
   * that this cannot be checked; else `lost`.
   */
  readonly status: RunStatus | 'running' | 'held-elsewhere' | 'lost'
  /** Where the run is mirrored; set by `absgd show`. */
  readonly mirrors?: readonly MirrorPlace[]
  /** Set for `held-elsewhere`: a description of the process that has the lock. */
  readonly holder?: string
  /** The worker's phase; only while the run is running. */
  readonly phase?: Phase
  readonly run: string
  /** The run directory. */
  readonly dir: string
  readonly attempt: number
  /** Steps done in the visible history. */
  readonly steps: number
  /** Steps of the whole run; null while unknown, or when it trains until it is stopped. */
  readonly runSteps: number | null
  /** Epochs done, with fraction; null for a stream without length. */
  readonly epochs: number | null
  /** Number of worker processes after the first. */
  readonly workerRestarts: number
  /** Number of steps that were trained and are not in the visible history. */
  readonly lostSteps: number
  /** Number of repeated step reports in the visible history. */
  readonly duplicatedSteps: number
  /** How often training waited for a plan row. */
  readonly waits: number
  /** The last value of every metric by name: `train.loss`, `test.accuracy`, `noise_auc`. */
  readonly final: Readonly<Record<string, number>>
  /** The best evaluation by the objective; null without an objective, or before its first evaluation. */
  readonly best: BestEvaluation | null
  /** The controls of the last step reported. */
  readonly controls: Readonly<Record<string, number>>
  readonly config: SummaryConfig
  /** UTC, ISO 8601. */
  readonly createdAt: string
  /** Seconds between the first and the latest record, by their clocks; pauses and interruptions included. */
  readonly seconds: number
  /** Set for a run that ended: one sentence. */
  readonly reason?: string
  /** Traceback or last lines of the worker. */
  readonly detail?: string
  /** Set for a failed run: the error, by kind. */
  readonly error?: RunError
  /** Losses and metrics that are or were NaN or infinite; absent if none was. */
  readonly nonFinite?: readonly NonFiniteSummary[]
  /** The reviews whose corrected data it trains on; absent without one. */
  readonly reviews?: readonly AppliedReview[]
  readonly warnings: readonly string[]
  /** On disk, by step. */
  readonly checkpoints: readonly { readonly step: number; readonly path: string; readonly bytes: number }[]
  /** Set while the controller or the worker runs; null for the one that does not. */
  readonly pids?: { readonly controller: number | null; readonly worker: number | null }
  /** Parts of the run directory that cannot be read. */
  readonly damage?: readonly DamagedFile[]
}

export interface BestEvaluation {
  readonly metric: string
  readonly value: number
  /** The step after which it was measured. */
  readonly step: number
  readonly split: string
  /** Every metric measured after that step, of all splits: `test.accuracy` at the best `val.accuracy`. */
  readonly metrics: Readonly<Record<string, number>>
}

export interface NonFiniteSummary {
  /** `train.loss`, `val.accuracy` */
  readonly name: string
  /** Number of values that were NaN or infinite, and number of stretches of such values. */
  readonly values: number
  readonly stretches: number
  /** Steps of the first and of the last of these values. An evaluation follows its step. */
  readonly firstStep: number
  readonly lastStep: number
  /** Whether the latest value is NaN or infinite. */
  readonly now: boolean
}

export interface SummaryConfig extends RunConfig {
  readonly experiment: string
  readonly arm?: string
  readonly params: Readonly<Record<string, unknown>>
  /** Version of the absgd package that created the run. */
  readonly version: string
}

export interface DamagedFile {
  /** Relative to the run directory. */
  readonly file: string
  /** First byte that cannot be read; absent for a file that is read as a whole. */
  readonly offset?: number
  /** "torn", "crc", "format", "newer" or "record", as in `Damage`; or "manifest". */
  readonly reason: string
  /** A description of the problem. */
  readonly message: string
}

export interface SummaryParts {
  readonly snapshot: RunSnapshot
  readonly manifest: Manifest
  readonly dir: string
  /** Whether a controller has the lock of the run. */
  readonly live: boolean
  /** A description of the process that has the lock, if it cannot be checked from this machine. */
  readonly elsewhere?: string
  readonly pids?: { readonly controller?: number | undefined; readonly worker?: number | undefined }
  /** Whether the worker still runs. @default false */
  readonly workerRuns?: boolean
  readonly damage?: readonly DamagedFile[]
}

export function summarize({
  snapshot,
  manifest,
  dir,
  live,
  elsewhere,
  pids = {},
  workerRuns = false,
  damage = [],
}: SummaryParts): RunSummary {
  const { end, worker, last, runSteps, firstMs, latestMs } = snapshot
  const held = elsewhere === undefined ? 'running' : 'held-elsewhere'
  const status = end?.status ?? (live ? held : 'lost')
  const error = errorOf(snapshot)
  return {
    status,
    ...(status === 'running' ? { phase: worker.status === 'joined' ? worker.phase : 'starting' } : {}),
    ...(status === 'held-elsewhere' && elsewhere !== undefined ? { holder: elsewhere } : {}),
    run: manifest.run,
    dir,
    attempt: snapshot.attempt,
    steps: snapshot.position,
    runSteps: runSteps === 0 ? null : runSteps,
    epochs: snapshot.epoch ?? null,
    workerRestarts: snapshot.workerRestarts,
    lostSteps: lostSteps(snapshot),
    duplicatedSteps: duplicatedSteps(snapshot),
    waits: snapshot.waits,
    final: finalMetrics(snapshot),
    best: bestEvaluation(snapshot.evaluations, manifest.config.objective),
    controls: last?.controls ?? {},
    config: configOf(manifest),
    createdAt: manifest.createdAt,
    seconds: firstMs === undefined || latestMs === undefined ? 0 : (latestMs - firstMs) / 1000,
    ...(end === undefined ? {} : { reason: end.reason }),
    ...(end === undefined || end.detail === '' ? {} : { detail: end.detail }),
    ...(error === undefined ? {} : { error }),
    ...(snapshot.nonFinite.size === 0 ? {} : { nonFinite: nonFiniteOf(snapshot.nonFinite) }),
    ...(snapshot.reviews.length === 0 ? {} : { reviews: snapshot.reviews }),
    warnings: snapshot.notes.filter(({ level }) => level === 'warning').map(({ text }) => text),
    checkpoints: snapshot.checkpoints.map(({ position, path, bytes }) => ({
      step: position.step,
      path,
      bytes,
    })),
    ...(status === 'running'
      ? { pids: { controller: pids.controller ?? null, worker: livingPid(snapshot) ?? pids.worker ?? null } }
      : {}),
    ...(status === 'lost' && workerRuns ? { pids: { controller: null, worker: pids.worker ?? null } } : {}),
    ...(damage.length === 0 ? {} : { damage }),
  }
}

export function configOf({ experiment, arm, params, version, config }: Manifest): SummaryConfig {
  return { experiment, ...(arm === undefined ? {} : { arm }), params, version, ...config }
}

/** The last value of every metric: from the last step, from the last evaluation that has it, and from the end of the run. */
export function finalMetrics({ last, evaluations, values }: RunSnapshot): Record<string, number> {
  return merged([last?.numbers ?? {}, ...evaluations.map(namedMetrics), values])
}

/** The first evaluation with the best value of the objective. A value that is not finite is never the best. */
export function bestEvaluation(
  evaluations: readonly EvaluationPoint[],
  objective: RunConfig['objective'],
): BestEvaluation | null {
  if (objective === undefined) return null
  const { metric, goal } = objective
  const sign = goal === 'maximize' ? 1 : -1
  let best: { readonly point: EvaluationPoint; readonly value: number } | undefined
  for (const point of evaluations) {
    const value = namedMetrics(point)[metric]
    if (value === undefined || !Number.isFinite(value)) continue
    if (best === undefined || sign * value > sign * best.value) best = { point, value }
  }
  if (best === undefined) return null
  const { step, split } = best.point
  const beside = evaluations.filter((point) => point.step === step)
  return { metric, value: best.value, step, split, metrics: merged(beside.map(namedMetrics)) }
}

function nonFiniteOf(numbers: NonFinite): NonFiniteSummary[] {
  return [...numbers].map(([name, number]) => ({
    name,
    values: number.values,
    stretches: number.times,
    firstStep: number.stretches[0]!.from,
    lastStep: number.stretches.at(-1)!.through,
    now: isNonFiniteNow(number),
  }))
}

function livingPid({ worker }: RunSnapshot): number | undefined {
  return worker.status === 'joined' ? worker.hello.pid : undefined
}

function merged(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  return Object.fromEntries(all.flatMap((metrics) => Object.entries(metrics)))
}
