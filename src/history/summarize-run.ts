/** What became of a run: the last line of `run --ui json`, the object of `show --json`, the result of a launched run. */
import { namedMetrics, type EvaluationPoint } from './evaluations.js'
import type { Manifest, RunConfig } from '../record/manifest.js'
import type { Phase, RunStatus } from '../record/record.js'
import { errorOf, type RunError } from './run-error.js'
import { isNonFiniteNow, type NonFinite } from './series/non-finite-stretches.js'
import { duplicatedSteps, lostSteps, type RunSnapshot } from './run-snapshot.js'

/** Numbers may be NaN or ±Infinity (a lambda that is off); JSON writes these as strings, see output/json.ts. */
export interface RunSummary {
  /**
   * The end that is recorded; without one `running` while a controller lives, `held-elsewhere` where nobody can see from here
   * whether it does, else `lost`.
   */
  readonly status: RunStatus | 'running' | 'held-elsewhere' | 'lost'
  /** Of a run that is held elsewhere: by whom, in words. */
  readonly holder?: string
  /** What the worker is doing; only while the run is running. */
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
  /** Worker processes after the first. */
  readonly workerRestarts: number
  /** Steps that were trained and are not in the visible history. */
  readonly lostSteps: number
  /** Steps that the visible history reports more than once, counted once per further report. */
  readonly duplicatedSteps: number
  /** Times that training waited for a plan row. */
  readonly waits: number
  /** The last value of every metric by name: `train.loss`, `test.accuracy`, `noise_auc`. */
  readonly final: Readonly<Record<string, number>>
  /** By the objective; null without one, or before its first evaluation. */
  readonly best: BestEvaluation | null
  /** The controls of the last step reported. */
  readonly controls: Readonly<Record<string, number>>
  readonly config: SummaryConfig
  /** UTC, ISO 8601. */
  readonly createdAt: string
  /** Between the first and the latest record, as clocks had it; pauses and interruptions included. */
  readonly seconds: number
  /** Of a run that ended: one sentence. */
  readonly reason?: string
  /** Traceback or last lines of the worker. */
  readonly detail?: string
  /** Of a run that failed: the same by kind. */
  readonly error?: RunError
  /** Losses and metrics that are or were NaN or infinite; absent where none was. */
  readonly nonFinite?: readonly NonFiniteSummary[]
  readonly warnings: readonly string[]
  /** On disk, by step. */
  readonly checkpoints: readonly { readonly step: number; readonly path: string; readonly bytes: number }[]
  /** While it runs, or where only its worker does; null for one that is not there. */
  readonly pids?: { readonly controller: number | null; readonly worker: number | null }
  /** What of the run directory cannot be read. */
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
  /** How many of its values were NaN or infinite, in how many stretches. */
  readonly values: number
  readonly stretches: number
  /** The steps of the first and of the last of these values. An evaluation is made after its step. */
  readonly firstStep: number
  readonly lastStep: number
  /** Whether the latest value is one of them. */
  readonly now: boolean
}

export interface SummaryConfig extends RunConfig {
  readonly experiment: string
  readonly arm?: string
  readonly params: Readonly<Record<string, unknown>>
  /** Of the absgd package that made the run. */
  readonly version: string
}

export interface DamagedFile {
  /** Relative to the run directory. */
  readonly file: string
  /** Byte from which on it cannot be read; absent for a file that is read as a whole. */
  readonly offset?: number
  /** "torn", "crc", "format", "newer", "record": as the log's reader calls it; "manifest". */
  readonly reason: string
  /** In words. */
  readonly message: string
}

export interface SummaryParts {
  readonly snapshot: RunSnapshot
  readonly manifest: Manifest
  readonly dir: string
  /** Whether a controller holds the run's lock. */
  readonly live: boolean
  /** The holder in words, where it cannot be judged from here. */
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

/** The last value of every metric: of the last step, of the last evaluation that has it, and of the end of the run. */
export function finalMetrics({ last, evaluations, values }: RunSnapshot): Record<string, number> {
  return merged([last?.numbers ?? {}, ...evaluations.map(namedMetrics), values])
}

/** The evaluation with the best value of the objective; of equal ones the first. One that is not finite is never the best. */
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
