/** `absgd run` with several arms or seeds: each run has its own controller process, some at a time. */
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'
import { ensureEnvironment } from '../environment/ensure-environment.js'
import { toAbsgdError } from '../errors.js'
import { loadExperiment } from '../experiment/files/load-experiment.js'
import { createRunDirectory } from '../log/run-directory.js'
import { heldElsewhere, lockHolder } from '../log/lock/run-lock.js'
import { readRunSummary } from '../log/run-summary.js'
import type { MirrorName } from '../record/mirror.js'
import type { Beginning } from '../ui/lines/run-set.js'
import type { RunSummary } from '../history/summarize-run.js'
import { requireMirrors } from '../run/mirrors.js'
import { planRunSet, withCurrentSummary, type PlannedRun, type RunSet } from '../run/run-set.js'
import { onInterrupt } from '../process/interrupt.js'
import { watchProcess, type ProcessHandle } from '../process/child.js'
import { mayFork, startForkServer } from '../worker/fork-server.js'
import { exitCodeOf } from './exit-code.js'
import { earlyKindOf, startControllerProcess } from './controller-process.js'
import { createSetOutput, type Answer, type SetOutput } from './output/set-output.js'
import type { LinesUi } from './ui-option.js'

export interface RunManyOptions {
  readonly arms?: readonly string[]
  readonly seeds?: readonly number[]
  readonly jobs: number
  readonly param: Readonly<Record<string, string>>
  readonly set: Readonly<Record<string, string>>
  readonly name?: string
  readonly runs?: string
  readonly mirror?: readonly MirrorName[]
  readonly ui: LinesUi
  readonly python?: string
  readonly threads?: number
  readonly simulate?: true
  readonly pace?: number
}

/** Trains the runs of the set that are not completed, prints the comparison, and sets the exit code. */
export async function runMany(file: string, options: RunManyOptions): Promise<void> {
  const { arms, seeds, name, runs, mirror, simulate, pace } = options
  const experimentFile = resolve(file)
  const set = await planRunSet({
    experiment: await loadExperiment(experimentFile),
    experimentFile,
    params: options.param,
    set: options.set,
    ...(arms === undefined ? {} : { arms }),
    ...(seeds === undefined ? {} : { seeds }),
    ...(name === undefined ? {} : { name }),
    ...(runs === undefined ? {} : { runs }),
    ...(mirror === undefined ? {} : { mirror }),
    ...(simulate === undefined ? {} : { simulate }),
    ...(pace === undefined ? {} : { pace }),
  })
  await trainRunSet(set, options)
}

export interface TrainOptions {
  readonly jobs: number
  readonly ui: LinesUi
  readonly threads?: number
  readonly python?: string
  readonly simulate?: true
  /** What is printed once all is trained. @default the comparison of the arms */
  readonly answer?: Answer
}

/** Trains the runs of a planned set that are not completed, prints the answer, and sets the exit code. */
export async function trainRunSet(set: RunSet, options: TrainOptions): Promise<void> {
  const { jobs, ui, answer } = options
  const threads =
    options.threads ?? (jobs > 1 ? Math.max(1, Math.floor(availableParallelism() / jobs)) : undefined)
  const output = createSetOutput(set, { ui, jobs, threads, ...(answer === undefined ? {} : { answer }) })
  const python = options.simulate === true ? undefined : await pythonFor(set, options.python)
  if (python !== undefined && python !== '')
    await requireMirrors(python, set.runs[0]?.manifest.config.mirror ?? [])
  const forks = python === undefined || countOpen(set) < 2 || !mayFork() ? undefined : startForkServer(python)
  const trainer = { python, threads, jobs, output, forks: forks?.folder }
  const outcomes = await trainSet(set, trainer).finally(() => forks?.end())
  output.end(outcomes.summaries)
  process.exitCode = exitCodeOfSet(outcomes)
}

function countOpen({ runs }: RunSet): number {
  return runs.filter(({ summary }) => summary?.status !== 'completed').length
}

async function pythonFor(set: RunSet, python: string | undefined): Promise<string> {
  if (countOpen(set) === 0) return ''
  const environment = await ensureEnvironment({
    directory: process.cwd(),
    report: (line) => process.stderr.write(`${line}\n`),
    ...(python === undefined ? {} : { python }),
  })
  return environment.python
}

interface Trainer {
  readonly python: string | undefined
  readonly threads: number | undefined
  readonly jobs: number
  readonly output: SetOutput
  /** The folder of the process that has imported torch, from which workers are forked. */
  readonly forks: string | undefined
}

export interface Outcomes {
  /** Summaries of the existing runs, in the order of the set. */
  readonly summaries: readonly RunSummary[]
  /** Number of runs that could not be started. */
  readonly refused: number
  /** Whether Ctrl-C ended the set. */
  readonly interrupted: boolean
}

async function trainSet(
  { root, runs }: RunSet,
  { python, threads, jobs, output, forks }: Trainer,
): Promise<Outcomes> {
  /** The current runs, with their controllers. Undefined while the controller starts. */
  const underWay = new Map<PlannedRun, ProcessHandle | undefined>()
  const ended = new Map<PlannedRun, RunSummary>()
  let refused = 0
  let interrupts = 0
  const stopListening = onInterrupt(() => {
    interrupts += 1
    const what = underWay.size === 1 ? '1 run' : `${underWay.size} runs`
    const stopping = `checkpointing and stopping ${what}; once more ends at once`
    process.stderr.write(`absgd: ${interrupts === 1 ? stopping : `ending ${what} now`}\n`)
    for (const controller of underWay.values()) controller?.kill('SIGINT')
  })
  const createdAt = ascendingTimes()

  function conclude(planned: PlannedRun, summary: RunSummary): void {
    ended.set(planned, summary)
    output.over(summary)
  }

  async function train(planned: PlannedRun): Promise<void> {
    if (interrupts > 0) return
    const { dir, manifest } = planned
    underWay.set(planned, undefined)
    try {
      // The same command may be running in another terminal.
      const current = await withCurrentSummary(planned)
      const holder = lockHolder(dir)
      if (holder?.isElsewhere === true) throw heldElsewhere(manifest.run, holder)
      output.begin(manifest.run, beginningOf(current, holder?.pid))
      if (current.summary === undefined)
        createRunDirectory(root, manifest.run, { ...manifest, createdAt: createdAt() })
      if (current.summary?.status === 'completed') {
        conclude(planned, current.summary)
        return
      }
      const isEarly = current.summary === undefined && forks === undefined
      const early = isEarly ? earlyKindOf(manifest) : undefined
      const controller =
        holder === undefined
          ? await startControllerProcess({
              dir,
              python,
              early,
              forks,
              ...(threads === undefined ? {} : { threads }),
            })
          : watchProcess(holder)
      underWay.set(planned, controller)
      // Ctrl-C was pressed while the controller started.
      if (interrupts > 0) controller.kill('SIGINT')
      if (holder === undefined) await controller.exited
      else while (lockHolder(dir)?.pid === holder.pid) await sleep(LOOK_INTERVAL_MS)
      conclude(planned, await readRunSummary(dir))
    } catch (thrown) {
      refused += 1
      output.refuse(manifest.run, toAbsgdError(thrown, 'run-directory'))
    } finally {
      underWay.delete(planned)
    }
  }

  try {
    const limit = pLimit(jobs)
    const open = runs.filter((run) => run.summary?.status !== 'completed')
    await Promise.all(open.map((run) => limit(train, run)))
  } finally {
    stopListening()
  }
  const summaries = runs.flatMap((run) => ended.get(run) ?? run.summary ?? [])
  return { summaries, refused, interrupted: interrupts > 0 }
}

/** Returns the current time, always later than before: runs are sorted by it, in the order of the set. */
function ascendingTimes(): () => string {
  let last = 0
  return () => {
    last = Math.max(Date.now(), last + 1)
    return new Date(last).toISOString()
  }
}

function beginningOf({ summary }: PlannedRun, controllerPid: number | undefined): Beginning {
  if (controllerPid !== undefined) return { type: 'joined', pid: controllerPid }
  if (summary === undefined) return { type: 'new' }
  return { type: 'resumed', status: summary.status, steps: summary.steps }
}

/** The exit code of the worst run: failed runs count more than resumable ones. */
export function exitCodeOfSet({ summaries, refused, interrupted }: Outcomes): number {
  if (interrupted) return exitCodeOf('interrupted')
  const codes = summaries.map(({ status }) => exitCodeOf(status))
  if (refused > 0 || codes.includes(1)) return exitCodeOf('failed')
  return Math.max(0, ...codes)
}

const LOOK_INTERVAL_MS = 200
