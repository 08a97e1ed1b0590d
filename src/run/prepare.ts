/** Checks everything before a run exists (experiment, parameters, name, Python), then makes its directory. */
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ensureEnvironment } from '../environment/ensure-environment.js'
import { AbsgdError } from '../errors.js'
import { compileRun } from '../experiment/run-schedule.js'
import { describeConfig } from '../experiment/manifest-config.js'
import type { Experiment } from '../experiment/define-experiment.js'
import { resolveExperiment, type ResolvedExperiment } from '../experiment/resolve-experiment.js'
import { checkRunName, createRunDirectory, runsRoot } from '../log/run-directory.js'
import type { Manifest, RunConfig } from '../record/manifest.js'
import type { MirrorName } from '../record/mirror.js'
import { VERSION } from '../version.js'
import { simulationOf } from '../simulated/data.js'
import { requireMirrors } from './mirrors.js'

export interface SimulateOptions {
  /** Train a toy without Python instead of the experiment's task. @default false */
  readonly simulate?: boolean
  /** Steps a second of a simulated run. @default as fast as it goes */
  readonly pace?: number
}

export interface PrepareOptions extends SimulateOptions {
  readonly experiment: Experiment
  /** The file of the experiment; absent for an experiment that a script made. */
  readonly experimentFile?: string
  readonly arm?: string
  /** Values, or their text from a command line. */
  readonly params?: Readonly<Record<string, unknown>>
  /** Schedules as text, by control, which replace the experiment's own. */
  readonly set?: Readonly<Record<string, string>>
  /** In place of the experiment's. */
  readonly mirror?: readonly MirrorName[]
  /** @default the experiment's name, its arm and the next free number */
  readonly name?: string
  /** Whether a name that exists is refused. False: use `NAME.2`, `NAME.3`, … then. @default true */
  readonly exactName?: boolean
  /** Folder of runs. @default $ABSGD_RUNS, else ./runs */
  readonly runs?: string
  /** Interpreter; not used by a simulated run. @default the one that `absgd setup` finds or makes */
  readonly python?: string
  /** Wait for a worker that is started by hand. @default false */
  readonly attach?: boolean
  /** Called with each line about the setup. */
  readonly onSetup?: (line: string) => void
}

export interface PreparedRun {
  readonly dir: string
  readonly manifest: Manifest
  readonly resolved: ResolvedExperiment
  /** Undefined for a simulated run. */
  readonly python: string | undefined
}

/**
 * Checks everything, then makes the run directory. If it throws, no directory is left.
 *
 * @throws AbsgdError 'experiment', 'environment' or 'run-directory'
 */
export async function prepareRun(options: PrepareOptions): Promise<PreparedRun> {
  const { experiment, arm, params = {}, onSetup = () => undefined } = options
  const { set = {}, exactName = true, name: wanted } = options
  const { mirror } = options
  const resolved = resolveExperiment(experiment, {
    ...(arm === undefined ? {} : { arm }),
    params,
    set,
    ...(mirror === undefined ? {} : { mirror }),
  })
  const root = runsRoot(options.runs)
  if (wanted !== undefined) checkRunName(wanted)
  if (wanted !== undefined && exactName) refuseExisting(root, wanted)
  const { simulated } = simulationConfig(resolved, options)
  const { attach = false } = options
  requireRunnable(resolved, { attach, simulated })
  const environment =
    simulated || attach
      ? undefined
      : await ensureEnvironment({
          directory: process.cwd(),
          report: onSetup,
          ...(options.python === undefined ? {} : { python: options.python }),
        })
  if (environment !== undefined) await requireMirrors(environment.python, resolved.mirror)
  const base = baseName(resolved.name, arm)
  for (let number = 1; ; number++) {
    const run = wanted === undefined ? `${base}-${number}` : numbered(wanted, number)
    const isTaken = () => !(wanted !== undefined && exactName) && existsSync(join(root, run))
    if (isTaken()) continue
    const manifest = manifestOf(resolved, run, options)
    try {
      const dir = createRunDirectory(root, run, manifest)
      if (wanted !== undefined && run !== wanted)
        onSetup(`a run named "${wanted}" exists: this one is "${run}"`)
      return { dir, manifest, resolved, python: environment?.python }
    } catch (error) {
      // Another process may have taken the name in between.
      if (!isTaken()) throw error
    }
  }
}

/**
 * The manifest of a new run.
 *
 * @throws AbsgdError 'usage' for a pace that is not a positive number, 'experiment' for parameters that a simulation cannot use
 */
export function manifestOf(
  resolved: ResolvedExperiment,
  run: string,
  options: SimulateOptions & Pick<PrepareOptions, 'experimentFile' | 'attach' | 'set'>,
): Manifest {
  const { name, arm, params, program } = resolved
  const { experimentFile, attach = false, set = {} } = options
  const simulation = simulationConfig(resolved, options)
  const isStarted = !attach && simulation.simulated === undefined
  return {
    format: 1,
    run,
    experiment: name,
    ...(arm === undefined ? {} : { arm }),
    createdAt: new Date().toISOString(),
    version: VERSION,
    ...(experimentFile === undefined ? {} : { experimentFile }),
    params,
    ...(Object.keys(set).length === 0 ? {} : { set }),
    config: {
      ...describeConfig(resolved),
      ...(isStarted && program.kind !== 'task' ? { directory: process.cwd() } : {}),
      ...(attach ? { attached: true } : {}),
      ...simulation,
    },
  }
}

/**
 * Refuses a run that could never train.
 *
 * @throws AbsgdError 'experiment'
 */
export function requireRunnable(
  resolved: ResolvedExperiment,
  { attach = false, simulated }: { readonly attach?: boolean; readonly simulated: true | undefined },
): void {
  const { name, program } = resolved
  if (simulated === true) return
  if (attach && program.kind === 'task') {
    throw new AbsgdError(
      'experiment',
      `the experiment "${name}" trains a task, which nobody starts by hand`,
      {
        hint: "train it with absgd run; to attach a script, leave worker out, or say worker: { script: 'train.py' }",
      },
    )
  }
  if (!attach && program.kind === 'unnamed') {
    throw new AbsgdError('experiment', `the experiment "${name}" does not say what trains`, {
      hint: "give it worker: { script: 'train.py' }, or wait for what you start by hand: absgd attach",
    })
  }
  // A script does not report the length of an epoch: its schedules can be checked now, and not only after the Hello.
  if (program.kind !== 'task') compileRun(resolved, { stepsPerEpoch: 0 })
}

function simulationConfig(
  { params }: ResolvedExperiment,
  { simulate = false, pace }: SimulateOptions,
): Pick<RunConfig, 'simulated' | 'stepsPerSecond'> {
  if (simulate) simulationOf(params)
  if (pace === undefined) return simulate ? { simulated: true } : {}
  if (simulate && pace > 0 && Number.isFinite(pace)) return { simulated: true, stepsPerSecond: pace }
  throw new AbsgdError('usage', `a pace of ${pace} steps a second is not possible`, {
    hint: simulate ? 'it takes a number above 0' : 'only a simulated run has a pace: add --simulate',
  })
}

/** `first`, then `first.2`, `first.3`, …, of at most 64 characters. */
function numbered(name: string, number: number): string {
  if (number === 1) return name
  const ending = `.${number}`
  return `${name.slice(0, MAX_NAME - ending.length)}${ending}`
}

function refuseExisting(root: string, name: string): void {
  if (!existsSync(join(root, name))) return
  throw new AbsgdError('run-directory', `a run named "${name}" exists in ${root}`, {
    hint: `choose another --name, or go on with it: absgd resume ${basename(name)}`,
  })
}

/** The name of a run allows fewer characters than that of an experiment. */
function baseName(experiment: string, arm: string | undefined): string {
  return plainName(arm === undefined ? experiment : `${experiment}-${arm}`).slice(0, 56)
}

/** Replaces all characters that a run's name does not allow. The length is not limited. */
export function plainName(text: string): string {
  const plain = text.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '')
  return plain === '' ? 'run' : plain
}

const MAX_NAME = 64
