/** Resolves an experiment, an arm and parameters to the settings of one run. */
import { dirname } from 'node:path'
import { AbsgdError, toAbsgdError } from '../errors.js'
import type { MirrorName } from '../record/mirror.js'
import type { Program } from '../record/worker-program.js'
import type { WeightingRule } from '../record/weighting-rule.js'
import {
  describeDuration,
  isSurelyShorter,
  untilStopped,
  type Duration,
  type UntilStopped,
} from '../schedule/duration.js'
import { parseSchedule } from '../schedule/expression.js'
import { recipeOfText } from '../schedule/recipe/recipe-text.js'
import type { GuardOptions } from '../schedule/feedback/guard.js'
import { extentOf, leavesOf } from '../schedule/schedule-parts.js'
import { shown, unknownName } from './schema-errors.js'
import { resolveControls, type ResolvedControls } from './controls/resolve-controls.js'
import type { Experiment } from './define-experiment.js'
import type { OnReport } from './run-handle.js'
import { resolveParams, type Params } from './resolve-params.js'
import { resolveProgram } from './files/resolve-program.js'
import { lengthSchema, type Cadence } from './spec-schema.js'
import { userFrames } from './files/user-stack-frames.js'

export interface ResolvedExperiment {
  readonly name: string
  readonly arm?: string
  readonly program: Program
  readonly params: Params
  readonly length: Duration | UntilStopped
  readonly evaluate: Cadence
  readonly checkpoint: Cadence
  readonly objective?: { readonly metric: string; readonly goal: 'maximize' | 'minimize' }
  readonly controls: ResolvedControls
  /** The samples of every k-th step are recorded; 0: of no step. */
  readonly sampleEvery: number
  readonly sampleQuotaBytes: number
  readonly orphanLimitSeconds: number
  readonly keepCheckpoints: number
  readonly mirror: readonly MirrorName[]
  readonly weighting: WeightingRule
  /** Undefined if the guard is off. */
  readonly guard: GuardOptions | undefined
  readonly onReport?: OnReport
}

export interface ResolveOptions {
  readonly arm?: string
  /** Values, or text from a command line. */
  readonly params?: Params
  /** Schedules as text, by control. They replace those of the experiment from the first step on. */
  readonly set?: Readonly<Record<string, string>>
  /** In place of the experiment's. */
  readonly mirror?: readonly MirrorName[]
}

/**
 * The settings of one run, with all checks that do not need the steps of an epoch.
 *
 * @throws AbsgdError 'usage' for an unknown arm or parameter, a refused parameter, or a schedule text with an error; 'experiment' for
 * refused results of the experiment's functions
 */
export function resolveExperiment(experiment: Experiment, options: ResolveOptions = {}): ResolvedExperiment {
  const { spec, file } = experiment
  const arm = options.arm === undefined ? undefined : armOf(experiment, options.arm)
  const params = resolveParams(spec.params, arm?.params ?? {}, options.params ?? {})
  const length = lengthOf(evaluated('length', spec.length ?? untilStopped(), params))
  const controls = resolveControls({
    ...controlsOf('controls', spec.controls, params),
    ...(arm === undefined
      ? {}
      : controlsOf(`controls of the arm "${options.arm ?? ''}"`, arm.controls, params)),
    ...controlsOfText(options.set ?? {}),
  })
  requireLasting(controls, length)
  requireSamples(controls, spec.record.samples)
  const directory = file === undefined ? process.cwd() : dirname(file)
  const { samples } = spec.record
  return {
    name: spec.name,
    ...(options.arm === undefined ? {} : { arm: options.arm }),
    program: resolveProgram(spec.worker, (what, given) => evaluated(what, given, params), directory),
    params,
    length,
    evaluate: spec.evaluate,
    checkpoint: spec.checkpoint,
    ...(spec.objective === undefined ? {} : { objective: spec.objective }),
    controls,
    sampleEvery: samples === 'all' ? 1 : samples === 'off' ? 0 : samples.every,
    sampleQuotaBytes: spec.record.quota,
    orphanLimitSeconds: spec.orphanLimit,
    keepCheckpoints: spec.keepCheckpoints,
    mirror: options.mirror ?? spec.mirror,
    weighting: arm?.weighting ?? spec.weighting,
    guard: arm !== undefined && 'guard' in arm ? arm.guard : spec.guard,
    ...(spec.onReport === undefined ? {} : { onReport: spec.onReport }),
  }
}

function armOf({ spec }: Experiment, name: string) {
  const arm = Object.hasOwn(spec.arms, name) ? spec.arms[name] : undefined
  if (arm !== undefined) return arm
  throw new AbsgdError('usage', unknownName('arm', name, Object.keys(spec.arms)))
}

/** The value itself, or the result of its function for these parameters. */
function evaluated(what: string, given: unknown, params: Params): unknown {
  if (typeof given !== 'function') return given
  try {
    return (given as (context: { params: Params }) => unknown)({ params })
  } catch (thrown) {
    const error = toAbsgdError(thrown, 'experiment')
    throw new AbsgdError('experiment', `${what} cannot be computed: ${error.message}`, {
      hint: [error.hint, ...userFrames(thrown)].filter((line) => line !== undefined).join('\n'),
      cause: thrown,
    })
  }
}

function controlsOf(what: string, given: unknown, params: Params): Readonly<Record<string, unknown>> {
  const value = evaluated(what, given, params)
  if (typeof value === 'object' && value !== null && !('then' in value))
    return value as Record<string, unknown>
  throw new AbsgdError('experiment', `the function of ${what} gives ${shown(value)}`, {
    hint: 'it takes an object of schedules by name, such as { lambda: off(), lr: 0.1 }, and must not be async',
  })
}

function controlsOfText(set: Readonly<Record<string, string>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(set).map(([name, text]) => [name, recipeOfText(text) ?? parseSchedule(text)]),
  )
}

function lengthOf(value: unknown): Duration | UntilStopped {
  const parsed = lengthSchema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new AbsgdError('experiment', `length is ${shown(value)}; ${parsed.error.issues[0]?.message ?? ''}`)
}

function requireSamples(controls: ResolvedControls, samples: unknown): void {
  if (samples !== 'off') return
  for (const [name, source] of Object.entries(controls)) {
    const rule = leavesOf(source).flatMap(({ shape }) => (shape.kind === 'feedback' ? shape.rule : []))
    const blind = rule.find(({ needsLosses }) => needsLosses)
    if (blind === undefined) continue
    throw new AbsgdError('experiment', `${name}: ${blind.name} needs the losses of samples`, {
      hint: 'record them: leave record.samples out, or give it { every: k }',
    })
  }
}

/** Refuses schedules that surely end before the run. `compileRun` checks this exactly, once the steps of an epoch are known. */
function requireLasting(controls: ResolvedControls, length: Duration | UntilStopped): void {
  for (const [name, source] of Object.entries(controls)) {
    const extent = extentOf(source)
    if (extent === undefined) continue
    const unbounded = 'untilStopped' in length
    if (!unbounded && !isSurelyShorter(extent, length)) continue
    const end = extent.epochs === 0 ? `at step ${extent.steps}` : `after ${describeDuration(extent)}`
    const run = unbounded ? 'trains until it is stopped' : `is ${describeDuration(length)} long`
    throw new AbsgdError('experiment', `${name}: the schedule ends ${end}, but the run ${run}`, {
      hint: 'leave its last part without end (no .for), or make it last as long as the run',
    })
  }
}
