/** Trains a run again with the rows that it applied, and finds the first difference. */
import { dirname } from 'node:path'
import { withEdits, rowsOf } from '../controller/decisions/rows.js'
import { initialState } from '../controller/state/state.js'
import { rulesOf } from '../controller/state/feedback-decisions.js'
import { AbsgdError } from '../errors.js'
import { compileRun } from '../experiment/run-schedule.js'
import { compileEdit } from '../experiment/controls/compile-edit.js'
import type { ResolvedExperiment } from '../experiment/resolve-experiment.js'
import { forkRun, hasCheckpoint } from './fork.js'
import { createRunDirectory, readManifest } from '../log/run-directory.js'
import { readRun } from '../log/read-run.js'
import type { Manifest } from '../record/manifest.js'
import { foldEdits, type EditEntry } from '../history/edit-history.js'
import { metricsOf } from '../history/evaluations.js'
import type { Hello, LogRecord, PlanEvent } from '../record/record.js'
import {
  createStepHistory,
  firstDifference,
  type StepDifference,
  type StepHistory,
} from '../history/series/step-history.js'
import { isVisible } from '../history/visible-steps.js'
import { firstHello, restoreFeedback } from './restore-feedback.js'
import { onInterrupt } from '../process/interrupt.js'
import { startRun } from './start.js'

export interface ReplayOptions {
  readonly resolved: ResolvedExperiment
  /** The name of the new run, whose directory is made beside the original. */
  readonly name: string
  readonly python?: string | undefined
  readonly threads?: number
}

export interface Replay {
  readonly run: string
  readonly dir: string
  /** Steps of the visible history. All of them are trained again unless the replay was interrupted. */
  readonly steps: number
  readonly replayed: number
  /** The first number of a step that differs, bit for bit. */
  readonly difference?: StepDifference
  /** The first evaluation that differs. */
  readonly evaluation?: StepDifference
  /** The first applied row that differs from the row which the experiment and the ledger give, by more than rounding. */
  readonly planning?: StepDifference
}

/**
 * Trains the visible history of the run in `dir` again, in a new run with the same seed and the applied rows.
 *
 * @throws AbsgdError 'run-directory' if there is nothing to replay, 'worker' if the replay fails
 */
export async function replayRun(dir: string, options: ReplayOptions): Promise<Replay> {
  const was = await readHistory(dir)
  const { history, hello } = was
  const manifest = readManifest(dir)
  if (hello === undefined || history.to === 0) {
    throw new AbsgdError('run-directory', `the run "${manifest.run}" has no steps to replay`)
  }
  if (manifest.config.attached === true) {
    throw new AbsgdError(
      'run-directory',
      `the script of "${manifest.run}" was started by hand: only you can do it again`,
      {
        hint: `its rows, from Python alone: absgd plan ${manifest.run} -o plan.json, then absgd-run --plan plan.json …`,
      },
    )
  }
  const run = { ...manifest, run: options.name, createdAt: new Date().toISOString() }
  const replayDir = await replayDirectory(dir, run, options)
  const started = await startRun({
    dir: replayDir,
    manifest: run,
    resolved: { ...options.resolved, guard: undefined },
    python: options.python,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    rows: () => ({
      runSteps: history.to,
      rows: (first, count) => history.rows(first, count),
      events: (first, count) => eventsOf(history, first, count),
      warnings: [],
    }),
  })
  const stopListening = onInterrupt(() => {
    started.controller.interrupt()
  })
  const end = await started.ended.finally(stopListening)
  const is = await readHistory(replayDir)
  if (end.status === 'failed') {
    throw new AbsgdError('worker', `the replay failed: ${end.reason}`, { hint: end.detail })
  }
  const difference = firstDifference(history, is.history)
  const evaluation = differingEvaluation(was.evaluations, is.evaluations, is.history.to)
  const planning = await planAnew(dir, options.resolved, was)
  return {
    run: options.name,
    dir: replayDir,
    steps: history.to,
    replayed: is.history.to,
    ...(difference === undefined ? {} : { difference }),
    ...(evaluation === undefined ? {} : { evaluation }),
    ...(planning === undefined ? {} : { planning }),
  }
}

/**
 * The directory of the replay. A fork is replayed from the checkpoint it was forked from: its own copy, or the parent's if the copy was
 * deleted. Its edits are not repeated: the applied rows include them, and a factor would be applied twice.
 */
async function replayDirectory(
  dir: string,
  run: Manifest,
  { resolved, name }: ReplayOptions,
): Promise<string> {
  if (run.parent === undefined) return createRunDirectory(dirname(dir), name, run)
  const { dir: parent, step } = run.parent
  const from = (await hasCheckpoint(dir, step)) ? dir : parent
  const exactly = { at: step, exact: true, inherits: false }
  const forked = await forkRun(from, { resolved, name, edits: [], why: '', ...exactly })
  return forked.dir
}

interface LoggedRun {
  readonly history: StepHistory
  readonly hello: Hello | undefined
  /** The evaluations of the visible history: step → metric → value. */
  readonly evaluations: ReadonlyMap<number, Readonly<Record<string, number>>>
  readonly edits: readonly EditEntry[]
}

async function readHistory(dir: string): Promise<LoggedRun> {
  const history = createStepHistory()
  let edits: readonly EditEntry[] = []
  const found: Extract<LogRecord['body'], { type: 'evaluation' }>[] = []
  for await (const record of readRun(dir, { streams: ['steps'] })) {
    history.add(record)
    const { body } = record
    if (body.type === 'evaluation') found.push(body)
    edits = foldEdits(edits, body)
  }
  const evaluations = new Map<number, Record<string, number>>()
  for (const evaluation of found) {
    const { attempt, step } = evaluation
    if (!isVisible(history.rewinds, attempt, step)) continue
    evaluations.set(step, { ...evaluations.get(step), ...metricsOf(evaluation) })
  }
  return { history, hello: await firstHello(dir), evaluations, edits }
}

/** The evaluations to plan: all but that after the last step, which the worker makes by itself. */
function eventsOf({ evaluated, to }: StepHistory, first: number, count: number): readonly PlanEvent[] {
  return [...evaluated]
    .filter((step) => step >= first && step < first + count && step < to - 1)
    .sort((a, b) => a - b)
    .map((afterStep) => ({ afterStep, kind: 'evaluate' }))
}

/** The first difference. An evaluation that is missing in the replay differs. @param replayed - Steps that the replay reached */
export function differingEvaluation(
  was: LoggedRun['evaluations'],
  is: LoggedRun['evaluations'],
  replayed: number,
): StepDifference | undefined {
  for (const [step, metrics] of [...was].sort(([a], [b]) => a - b)) {
    if (step >= replayed) break
    const again = is.get(step) ?? {}
    for (const [name, value] of Object.entries(metrics)) {
      const now = again[name] ?? NaN
      if (!Object.is(value, now)) return { step, name, was: value, is: now }
    }
  }
  return undefined
}

/** Plans the rows again from the experiment, the ledger and the reports, and finds the first that differs from the applied one. */
async function planAnew(
  dir: string,
  resolved: ResolvedExperiment,
  { history, hello, edits }: LoggedRun,
): Promise<StepDifference | undefined> {
  if (hello === undefined) return undefined
  const source = compileRun(resolved, { stepsPerEpoch: hello.stepsPerEpoch })
  const { sampleEvery, guard } = resolved
  const feedback = await restoreFeedback(dir, {
    segments: source.segments,
    runSteps: source.runSteps,
    sampleEvery,
    guard,
    anew: true,
  })
  const rules = rulesOf(source.segments, source.runSteps)
  const planned = rowsOf(
    withEdits({ ...initialState(), source, rules, feedback }, edits, hello, { compileEdit }),
  )!
  const { runSteps } = planned
  const end = runSteps === 0 ? history.to : Math.min(history.to, runSteps)
  for (let first = history.begin, count = 0; first < end; first += count) {
    count = Math.min(CHUNK, end - first, (planned.cut?.(first) ?? Infinity) - first)
    const rows = planned.rows(first, count)
    const applied = history.rows(first, count)
    for (let i = 0; i < count; i++) {
      for (const [name, values] of Object.entries(applied)) {
        const plan = rows[name]
        if (plan === undefined) continue
        const value = plan[plan.length === 1 ? 0 : i] ?? NaN
        const was = values[i] ?? NaN
        if (!isSamePlan(value, was)) return { step: first + i, name, was, is: value }
      }
    }
  }
  return undefined
}

/**
 * Whether two planned values come from the same schedule. Versions before this one computed exp, log and cos by the functions of the
 * JavaScript engine, so that values may differ in the last bits.
 */
function isSamePlan(a: number, b: number): boolean {
  if (Object.is(a, b)) return true
  // Off is never the same as a finite value.
  return (
    Number.isFinite(a) &&
    Number.isFinite(b) &&
    Math.abs(a - b) <= ROUNDING * Math.max(Math.abs(a), Math.abs(b))
  )
}

const ROUNDING = 8 * Number.EPSILON
const CHUNK = 4096
