/** What a user writes: `export default defineExperiment({ … })`. */
import type { z } from 'zod'
import { AbsgdError } from '../errors.js'
import type { OnReport, Run } from './run-handle.js'
import type { Report } from '../history/step-report.js'
import type { DurationLike, UntilStopped } from '../schedule/duration.js'
import type { GuardOptions } from '../schedule/feedback/guard.js'
import type { ControlValue } from '../schedule/schedule.js'
import { schemaErrorMessage } from './schema-errors.js'
import { specSchema, type Cadence } from './spec-schema.js'

/** A value, or a function of the run's parameters that gives it. */
export type Computed<Value, Schema extends z.ZodObject> =
  Value | ((context: { readonly params: z.output<Schema> }) => Value)

/** Schedules by control. Names besides these are the user's own, `^[a-z][a-z0-9_]{0,63}$`: the task reads them. */
export interface Controls {
  /** Not 0; below 0 turns away from samples of high loss, above 0 attends to them. @default off() */
  readonly lambda?: ControlValue | undefined
  /** In (0, 1]: the share of the new batch in the normaliser, a memory of 1/gamma batches. @default 0.9 */
  readonly gamma?: ControlValue | undefined
  /** From 0. @default the optimizer's own */
  readonly lr?: ControlValue | undefined
  /** In [0, 1). @default the optimizer's own */
  readonly momentum?: ControlValue | undefined
  /** From 0. @default the optimizer's own */
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
 * The rule by which lambda and gamma become weights. `'paper'` and `'reference'` are for comparison with the paper and with
 * its authors' code; `'reference'` alone has alpha 1 and no floor.
 */
export type Weighting =
  | 'default'
  | 'paper'
  | 'reference'
  | {
      readonly preset: 'reference'
      /** Above 0: the weights sum to 1/alpha in the end. @default 1 */
      readonly alpha?: number
      /** Adds 1/n to every weight, as the authors do for noisy labels. @default false */
      readonly floor?: boolean
    }

/** A variant of the experiment, chosen by `--arm`. */
export interface ArmSpec<Schema extends z.ZodObject = z.ZodObject> {
  /** Over the schema's defaults, below what the command line says. */
  readonly params?: Partial<z.input<Schema>>
  /** Replace the experiment's controls of the same name. */
  readonly controls?: Computed<Controls, Schema>
  /** Replaces the experiment's. */
  readonly weighting?: Weighting
  /** Replaces the experiment's. */
  readonly guard?: boolean | Partial<Omit<GuardOptions, 'cold'>>
}

/** A task, or a training script as it stands, whose losses are captured. */
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
      /** As after `python -m`; found from the current directory too. */
      readonly module: Computed<string, Schema>
      /** @default none */
      readonly args?: Computed<readonly (string | number)[], Schema>
    }

/** Ranges and defaults: `settings.ts`. */
export interface ExperimentSpec<Schema extends z.ZodObject = z.ZodObject> {
  readonly name: string
  /** What trains. @default whatever is started by hand, see `absgd attach` */
  readonly worker?: WorkerSpec<Schema>
  /** `z.object({ … })`: what `--param` sets and the task is given. @default no parameters */
  readonly params?: Schema
  /** Needed with `worker.task`. @default until the script ends: `untilStopped()` */
  readonly length?: Computed<DurationLike | UntilStopped, Schema>
  /** The model is evaluated after the last step too. @default 'epoch' */
  readonly evaluate?: Cadence
  /** One is written after the last step too. @default 'epoch' */
  readonly checkpoint?: Cadence
  /** What "best" means: a metric `split.name`, never of the split `test`. */
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
  /** The newest so many stay on disk; 0 keeps all. @default 3 */
  readonly keepCheckpoints?: number
  /** Should it throw, the run goes on without it, and the log says so. */
  readonly onReport?: OnReport
}

/** A checked experiment. Made by {@link defineExperiment} alone. */
export interface Experiment {
  readonly [MARK]: true
  readonly spec: z.output<typeof specSchema>
  /** Absolute; absent for an experiment that a script made. */
  readonly file?: string
}

/** @throws AbsgdError 'experiment' naming every setting that does not fit, its range and its value */
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
