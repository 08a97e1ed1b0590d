/** A set of runs, one per arm and seed: their names, and the summaries of those that exist. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { AbsgdError } from '../errors.js'
import type { Experiment } from '../experiment/define-experiment.js'
import { resolveExperiment } from '../experiment/resolve-experiment.js'
import { checkRunName, readManifest, runsRoot } from '../log/run-directory.js'
import { readRunSummary } from '../log/run-summary.js'
import { manifestOf, plainName, requireRunnable, type SimulateOptions } from './prepare.js'
import type { Manifest } from '../record/manifest.js'
import type { MirrorName } from '../record/mirror.js'
import type { RunSummary } from '../history/summarize-run.js'

export interface RunSetOptions extends SimulateOptions {
  readonly experiment: Experiment
  readonly experimentFile?: string
  /** In the order of the comparison; `all` for every arm. @default no arm */
  readonly arms?: readonly string[]
  /** @default the seed of the parameters, if there is one */
  readonly seeds?: readonly number[]
  /** Values, or their text as a command line gives it. */
  readonly params?: Readonly<Record<string, unknown>>
  /** Schedules as text, in place of the experiment's own. */
  readonly set?: Readonly<Record<string, string>>
  /** In place of the experiment's. */
  readonly mirror?: readonly MirrorName[]
  /** The beginning of the runs' names. @default the experiment's name */
  readonly name?: string
  /** Folder of runs. @default $ABSGD_RUNS, else ./runs */
  readonly runs?: string
}

export interface PlannedRun {
  readonly dir: string
  readonly manifest: Manifest
  /** The summary of an existing run; undefined for a run that does not exist yet. */
  readonly summary: RunSummary | undefined
}

export interface RunSet {
  /** The folder of runs. */
  readonly root: string
  /** Undefined for runs without an arm. */
  readonly arms: readonly (string | undefined)[]
  /** Undefined if no seeds were given. */
  readonly seeds: readonly number[] | undefined
  /** All arms of a seed before the next seed, so that finished runs can be compared at any time. */
  readonly runs: readonly PlannedRun[]
}

/**
 * Plans one run per arm and seed, without starting any. The same options give the same names, so that an interrupted set is
 * continued.
 *
 * @throws AbsgdError 'usage' or 'experiment' as {@link resolveExperiment}, and 'run-directory' when a run that exists has a
 * name of the set and other settings
 */
export async function planRunSet(options: RunSetOptions): Promise<RunSet> {
  const { experiment, seeds, params = {} } = options
  if (options.name !== undefined) checkRunName(options.name)
  requireSeed(experiment, seeds, params)
  const root = runsRoot(options.runs)
  const arms = armsOf(experiment, options.arms)
  const runs: PlannedRun[] = []
  for (const seed of seeds ?? [undefined]) {
    for (const arm of arms) {
      const manifest = manifestFor(
        options,
        arm,
        seed === undefined ? params : { ...params, seed: String(seed) },
      )
      requireNewName(manifest.run, runs)
      runs.push({ dir: join(root, manifest.run), manifest, summary: undefined })
    }
  }
  const current: PlannedRun[] = []
  for (const run of runs) current.push(await withCurrentSummary(run))
  return { root, arms, seeds, runs: current }
}

function requireSeed(
  { spec }: Experiment,
  seeds: RunSetOptions['seeds'],
  params: Readonly<Record<string, unknown>>,
): void {
  if (seeds === undefined) return
  if (!Object.hasOwn(spec.params.shape, 'seed')) {
    throw new AbsgdError(
      'usage',
      `--seeds needs a parameter "seed", and the experiment "${spec.name}" has none`,
      {
        hint: 'add it to params: z.object({ seed: z.number().int().default(0), … })',
      },
    )
  }
  if (!Object.hasOwn(params, 'seed')) return
  throw new AbsgdError('usage', `--param seed=${String(params['seed'])} and --seeds both say the seed`, {
    hint: 'give one of them',
  })
}

/**
 * The arms that `requested` names, or all of them for `all`; [undefined], a run without an arm, if none is given.
 *
 * @throws AbsgdError 'usage' for `all` of an experiment without arms
 */
export function armsOf(
  { spec }: Experiment,
  requested: RunSetOptions['arms'],
): readonly (string | undefined)[] {
  if (requested === undefined) return [undefined]
  if (!requested.includes('all') || Object.hasOwn(spec.arms, 'all')) return requested
  const arms = Object.keys(spec.arms)
  if (arms.length > 0) return arms
  throw new AbsgdError('usage', `the experiment "${spec.name}" has no arms`, { hint: 'leave --arm out' })
}

function manifestFor(
  options: RunSetOptions,
  arm: string | undefined,
  params: Readonly<Record<string, unknown>>,
): Manifest {
  const { experiment, name = experiment.spec.name } = options
  const { set = {}, mirror } = options
  const resolved = resolveExperiment(experiment, {
    ...(arm === undefined ? {} : { arm }),
    params,
    set,
    ...(mirror === undefined ? {} : { mirror }),
  })
  requireRunnable(resolved, { simulated: options.simulate === true ? true : undefined })
  const { seed } = resolved.params
  const text = typeof seed === 'number' ? String(seed) : JSON.stringify(seed)
  const ending = text === undefined ? '' : `-${plainName(`seed${text}`).slice(0, MAX_ENDING)}`
  const beginning = plainName(arm === undefined ? name : `${name}-${arm}`)
  const run = `${beginning.slice(0, MAX_NAME - ending.length)}${ending}`
  return manifestOf(resolved, run, options)
}

function requireNewName(name: string, others: readonly PlannedRun[]): void {
  if (others.every(({ manifest }) => manifest.run !== name)) return
  throw new AbsgdError('usage', `two runs of this set would be called "${name}"`, {
    hint: 'names hold 64 characters of A-Z a-z 0-9 . _ -: choose a shorter --name, or arms that differ in these',
  })
}

/**
 * Adds the current summary, if the run exists.
 *
 * @throws AbsgdError 'run-directory' when it exists with other settings
 */
export async function withCurrentSummary({ dir, manifest }: PlannedRun): Promise<PlannedRun> {
  if (!existsSync(dir)) return { dir, manifest, summary: undefined }
  const existing = readManifest(dir)
  const differences = differencesOf(existing, manifest)
  if (differences.length === 0) return { dir, manifest: existing, summary: await readRunSummary(dir) }
  throw new AbsgdError(
    'run-directory',
    `the run "${manifest.run}" exists with other settings:\n${differences.map((line) => `  ${line}`).join('\n')}`,
    {
      hint: `--name PREFIX begins another set of runs; to train this one anew remove ${dir}`,
    },
  )
}

/** One sentence for each setting that differs. */
function differencesOf(existing: Manifest, requested: Manifest): readonly string[] {
  const [before, now] = [settingsOf(existing), settingsOf(requested)]
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])]
  return names
    .filter((name) => before[name] !== now[name])
    .map((name) => `${name} is ${before[name] ?? 'not set'}; asked for is ${now[name] ?? 'not set'}`)
}

/** The settings of a run as JSON, by name: `params.lr`, `controls.lambda`, `length`. */
function settingsOf({ experiment, arm, params, config }: Manifest): Readonly<Record<string, string>> {
  const { controls, ...others } = config
  const entries = [
    ['experiment', experiment],
    ['arm', arm],
    ...Object.entries(others),
    ...Object.entries(params).map(([name, value]) => [`params.${name}`, value] as const),
    ...Object.entries(controls).map(([name, value]) => [`controls.${name}`, value] as const),
  ] as const
  const texts = entries.map(([name, value]) => [name, JSON.stringify(value) as string | undefined] as const)
  return Object.fromEntries(texts.flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])))
}

const MAX_NAME = 64
const MAX_ENDING = 24
