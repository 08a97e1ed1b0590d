/** The definition of an experiment: `export default defineExperiment({ … })`. */
import type { MirrorName } from '../record/mirror.js'
import type { z } from 'zod'
import { AbsgdError } from '../errors.js'
import type { OnReport } from './run-handle.js'
import type { DurationLike, UntilStopped } from '../schedule/duration.js'
import type { GuardOptions } from '../schedule/feedback/guard.js'
import type { ControlValue } from '../schedule/schedule.js'
import { schemaErrorMessage } from './schema-errors.js'
import { specSchema, type Cadence } from './spec-schema.js'

/** A value, or a function that computes it from the run's parameters. */
export type Computed<Value, Schema extends z.ZodObject> =
  Value | ((context: { readonly params: z.output<Schema> }) => Value)

/** Schedules by control. Other names are controls that the user defines, `^[a-z][a-z0-9_]{0,63}$`; the task reads them. */
export interface Controls {
  /** Not 0, in units of loss. Below 0, samples with a high loss get less weight; above 0, more weight. @default off() */
  readonly lambda?: ControlValue | undefined
  /** In (0, 1]: the share of the new batch in the normaliser, which remembers about 1/gamma batches. @default 0.9 */
  readonly gamma?: ControlValue | undefined
  /** From 0. @default the value of the optimizer */
  readonly lr?: ControlValue | undefined
  /** In [0, 1). @default the value of the optimizer */
  readonly momentum?: ControlValue | undefined
  /** From 0. @default the value of the optimizer */
  readonly weight_decay?: ControlValue | undefined
  /** Above 0: the gradient's norm is clipped to it. @default no clipping */
  readonly clip_norm?: ControlValue | undefined
  /**
   * In [0, 1): β of the class factor (1 − β)/(1 − βⁿ) on the weights, 0 is off; the task needs labels. Deferred re-weighting is
   * `steps({ init: 0, at: [[epochs(40), 0.9999]] })`. @default no factor
   */
  readonly class_balance?: ControlValue | undefined
  readonly [own: string]: ControlValue | undefined
}

/**
 * The rule that computes weights from losses, lambda and gamma. `'paper'` (ABSGD, arXiv 2012.06951, Algorithm 1) and `'reference'`
 * (its authors' code) are for comparison. `'reference'` without options has alpha 1 and no floor.
 */
export type Weighting =
  | 'default'
  | 'paper'
  | 'reference'
  | {
      readonly preset: 'reference'
      /** Above 0: the sum of the weights approaches 1/alpha. @default 1 */
      readonly alpha?: number
      /** Whether 1/n is added to every weight, as in the authors' experiments with noisy labels. @default false */
      readonly floor?: boolean
    }

/** A variant of the experiment, chosen by `--arm`. */
export interface ArmSpec<Schema extends z.ZodObject = z.ZodObject> {
  /** They override the defaults of the schema; the command line overrides them. */
  readonly params?: Partial<z.input<Schema>>
  /** Replace the experiment's controls of the same name. */
  readonly controls?: Computed<Controls, Schema>
  /** Replaces that of the experiment. */
  readonly weighting?: Weighting
  /** Replaces that of the experiment. */
  readonly guard?: boolean | Partial<Omit<GuardOptions, 'cold'>>
}

/** The program of the worker: a task, or an unmodified training script whose losses are captured. */
export type WorkerSpec<Schema extends z.ZodObject = z.ZodObject> =
  | {
      /** `FILE:FUNCTION`, the file relative to the experiment's own, or `MODULE:FUNCTION`. */
      readonly task: Computed<string, Schema>
    }
  | {
      /** A Python file, relative to the experiment's own. */
      readonly script: Computed<string, Schema>
      /** @default none */
      readonly args?: Computed<readonly (string | number)[], Schema>
    }
  | {
      /** A module name as in `python -m MODULE`. The current directory is searched too. */
      readonly module: Computed<string, Schema>
      /** @default none */
      readonly args?: Computed<readonly (string | number)[], Schema>
    }

/** The settings of an experiment. Ranges and defaults are checked by `spec-schema.ts`. */
export interface ExperimentSpec<Schema extends z.ZodObject = z.ZodObject> {
  readonly name: string
  /** The program that trains. @default a script that is started by hand, see `absgd attach` */
  readonly worker?: WorkerSpec<Schema>
  /** `z.object({ … })`: the parameters of the task, which `--param` sets. @default no parameters */
  readonly params?: Schema
  /** Length of the run; required with `worker.task`. @default until the script ends: `untilStopped()` */
  readonly length?: Computed<DurationLike | UntilStopped, Schema>
  /** When the model is evaluated; it is always evaluated after the last step. @default 'epoch' */
  readonly evaluate?: Cadence
  /** When checkpoints are written; one is always written after the last step. @default 'epoch' */
  readonly checkpoint?: Cadence
  /** The metric that defines the best step: `split.name`, where the split is not `test`. */
  readonly objective?: { readonly metric: string; readonly goal: 'maximize' | 'minimize' }
  readonly controls?: Computed<Controls, Schema>
  /** @default 'default' */
  readonly weighting?: Weighting
  /**
   * Whether |lambda| is multiplied by 4 when a run collapses under it: effective sample size below 15 % of the batch, or 80 % of
   * the weight on one class, for 20 steps, or a mean loss five times that of the beginning. @default true
   */
  readonly guard?: boolean | Partial<Omit<GuardOptions, 'cold'>>
  readonly arms?: Readonly<Record<string, ArmSpec<Schema>>>
  readonly record?: {
    /** Loss and weight of every sample: of all steps, of every k-th, of none. @default 'all' */
    readonly samples?: 'all' | 'off' | { readonly every: number }
    /** Bytes of samples per run. @default 10 GiB */
    readonly quota?: number
  }
  /** Seconds that the worker waits without a controller before it checkpoints and ends. @default 600 */
  readonly orphanLimit?: number
  /** How many of the newest checkpoints stay on disk; 0 keeps all. @default 3 */
  readonly keepCheckpoints?: number
  /** Tools that the run is written to besides, while it trains; each needs its Python package. @default none */
  readonly mirror?: readonly MirrorName[]
  /** Called with every report. If it throws, the run continues without it, and the log has a note. */
  readonly onReport?: OnReport
}

/** A checked experiment. Only {@link defineExperiment} creates it. */
export interface Experiment {
  readonly [MARK]: true
  readonly spec: z.output<typeof specSchema>
  /** Absolute path of the experiment file; absent if a script created the experiment. */
  readonly file?: string
}

/**
 * Checks an experiment and fills in its defaults.
 *
 * @throws AbsgdError 'experiment' naming every setting that is not permitted, with its value and the permitted range
 */
export function defineExperiment<Schema extends z.ZodObject>(spec: ExperimentSpec<Schema>): Experiment {
  const parsed = specSchema.safeParse(spec)
  if (parsed.success) return { [MARK]: true, spec: parsed.data }
  const { name } = (typeof spec === 'object' ? spec : {}) as { name?: unknown }
  const what = typeof name === 'string' ? `the experiment "${name}"` : 'the experiment'
  throw new AbsgdError(
    'experiment',
    schemaErrorMessage(`${what} does not hold`, parsed.error, specSchema, spec),
  )
}

export function isExperiment(value: unknown): value is Experiment {
  return typeof value === 'object' && value !== null && MARK in value
}

const MARK: unique symbol = Symbol.for('absgd.experiment') as never
