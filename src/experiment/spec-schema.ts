/** The schema of an experiment. All defaults and permitted ranges are here. */
import { MIRRORS } from '../record/mirror.js'
import { z } from 'zod'
import {
  durationOf,
  isDuration,
  isNothing,
  type DurationLike,
  type Every,
  type UntilStopped,
} from '../schedule/duration.js'
import { off } from '../schedule/anneal.js'
import { isSource, sourceOf, type ControlValue } from '../schedule/schedule.js'
import type { WeightingRule } from '../record/weighting-rule.js'
import { GUARD, type GuardOptions } from '../schedule/feedback/guard.js'
import type { OnReport } from './run-handle.js'

/** When the model is evaluated, or a checkpoint is written. `'epoch'`: after every epoch; only at the end if the data has no epochs. */
export type Cadence = Every | 'epoch' | 'end'

const TASK = "it takes 'FILE:FUNCTION' or 'MODULE:FUNCTION', such as 'task.py:build'"
const SCRIPT = "it takes a Python file, such as 'train.py'"
const MODULE = "it takes a Python module, such as 'package.train'"
const ARGS = "it takes an array of texts and finite numbers, such as ['--lr', 0.1]"
const PROGRAMS = ['task', 'script', 'module'] as const
const LENGTH = 'it takes a duration above 0: epochs(n), steps(n), a number of steps; or untilStopped()'

const fn = z.custom<(context: { params: unknown }) => unknown>((value) => typeof value === 'function')

const controlValue = z
  .custom<ControlValue>((value) => typeof value === 'number' || isSource(value), {
    error: 'it takes a number or a schedule such as off(), linear(…), exponential(…)',
  })
  .transform(sourceOf)

/** The permitted values of each control, and their description in messages. */
export const CONTROL_RANGES = {
  lambda: range(
    'numbers other than 0; off() or ±Infinity is plain SGD',
    (value) => value !== 0 && !Number.isNaN(value),
  ),
  gamma: range('numbers above 0, at most 1', (value) => value > 0 && value <= 1),
  lr: range('finite numbers from 0', (value) => Number.isFinite(value) && value >= 0),
  momentum: range('numbers from 0, below 1', (value) => value >= 0 && value < 1),
  weight_decay: range('finite numbers from 0', (value) => Number.isFinite(value) && value >= 0),
  clip_norm: range('numbers above 0; Infinity does not clip', (value) => value > 0),
  class_balance: range('numbers from 0, which is off, below 1', (value) => value >= 0 && value < 1),
} as const

/** For controls that the user defined; the task reads them by name. */
export const OWN_CONTROL_RANGE = range('finite numbers', Number.isFinite)

/** The controls, after the function that computes them was called. */
export const controlsSchema = z
  .object({
    lambda: controlValue.prefault(() => off()),
    /** Share of the new batch in the normaliser: a memory of 1/γ batches. */
    gamma: controlValue.prefault(0.9),
    /** Controls without a default keep the value of the optimizer. */
    lr: controlValue.optional(),
    momentum: controlValue.optional(),
    weight_decay: controlValue.optional(),
    clip_norm: controlValue.optional(),
    /** β of the class factor; off where it is left out. */
    class_balance: controlValue.optional(),
  })
  .catchall(controlValue)

/** The length of the run, after the function that computes it was called. It is at least one step. */
export const lengthSchema = z
  .custom<DurationLike | UntilStopped>(isLength, { error: LENGTH })
  .transform((value) => (isEndless(value) ? value : durationOf(value, 'length')))

const cadence = z.custom<Cadence>(
  (value) =>
    value === 'epoch' || value === 'end' || (typeof value === 'object' && value !== null && 'every' in value),
  { error: "it takes every(epochs(n)), every(steps(n)), 'epoch' or 'end'" },
)

/** `FILE:FUNCTION` or `MODULE:FUNCTION`. */
export const taskSchema = z.string().regex(/^[^:\n]+:[A-Za-z_][A-Za-z0-9_]*$/, TASK)

export const scriptSchema = z.string({ error: SCRIPT }).regex(/^[^\0\n]+$/, SCRIPT)

export const moduleSchema = z.string({ error: MODULE }).regex(/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/, MODULE)

export const argsSchema = z
  .array(z.union([z.string().regex(/^[^\0]*$/), z.number()]), { error: ARGS })
  .refine((args) => args.every((arg) => typeof arg === 'string' || Number.isFinite(arg)), ARGS)

/** Exactly one of task, script and module. A script or a module may have arguments. */
const workerSchema = z
  .strictObject({
    task: fn.or(taskSchema).optional(),
    script: fn.or(scriptSchema).optional(),
    module: fn.or(moduleSchema).optional(),
    args: fn.or(argsSchema).optional(),
  })
  .superRefine(({ args, ...programs }, context) => {
    const given = PROGRAMS.filter((name) => programs[name] !== undefined)
    const [first, second] = given
    const refuse = (path: string, message: string) => {
      context.addIssue({ code: 'custom', path: [path], message })
    }
    if (first === undefined) refuse('task', `${TASK}; a script as it stands is given as script or module`)
    if (second !== undefined) refuse(second, `a worker runs one thing, and worker.${first} is given too`)
    if (first === 'task' && args !== undefined)
      refuse('args', 'a task takes params; args are for a script or a module')
  })

/** `'reference'` without more is the setting of the authors' imbalance experiments: alpha 1, no floor. */
const weightingSchema = z
  .union(
    [
      z.enum(['default', 'paper', 'reference']),
      z.strictObject({
        preset: z.literal('reference'),
        /** The weights sum to 1/alpha in the end: a factor of the learning rate. */
        alpha: z.number().positive().default(1),
        /** Adds 1/n to every weight, as the authors do for noisy labels. */
        floor: z.boolean().default(false),
      }),
    ],
    {
      error:
        "it takes 'default', 'paper', 'reference' or { preset: 'reference', alpha: a number above 0, floor: true or false }",
    },
  )
  .transform((value): WeightingRule => {
    if (typeof value === 'object') return value
    return value === 'reference' ? { preset: value, alpha: 1, floor: false } : { preset: value }
  })

const share = z.number().gt(0).lt(1)
const guardSchema = z.strictObject({
  lag: z.number().int().min(1).default(GUARD.lag),
  minEssRatio: share.default(GUARD.minEssRatio),
  maxClassMass: share.default(GUARD.maxClassMass),
  maxLossRatio: z.number().gt(1).default(GUARD.maxLossRatio),
  patience: z.number().int().min(1).default(GUARD.patience),
  factor: z.number().gt(1).default(GUARD.factor),
})

const guardSetting = z
  .union([z.boolean(), guardSchema], {
    error: 'it takes true, false or what is to be other than usual: { minEssRatio: 0.1, factor: 2, … }',
  })
  .transform((value): GuardOptions | undefined =>
    typeof value === 'object' ? { ...value, cold: GUARD.cold } : value ? GUARD : undefined,
  )

const armSchema = z.strictObject({
  /** They override the defaults; the command line overrides them. */
  params: z.record(z.string(), z.unknown()).default({}),
  /** Replace those of the same name. */
  controls: fn.or(z.record(z.string(), z.unknown())).default({}),
  /** Replaces the experiment's. */
  weighting: weightingSchema.optional(),
  /** Replaces the experiment's. */
  guard: guardSetting.optional(),
})

const settingsSchema = z.strictObject({
  name: z.string().regex(/^\S(.{0,62}\S)?$/, 'it takes one line of 1 to 64 characters'),
  /** Without it, the worker is started by hand. */
  worker: workerSchema.optional(),
  params: z
    .custom<z.ZodObject>((value) => value instanceof z.core.$ZodObject, {
      error: 'it takes a schema of zod 4: z.object({ … })',
    })
    .prefault(() => z.object({})),
  /** Without it, a script trains until it ends by itself. */
  length: z
    .custom<unknown>((value) => typeof value === 'function' || isLength(value), { error: LENGTH })
    .optional(),
  /** The model is also evaluated after the last step. */
  evaluate: cadence.default('epoch'),
  /** A checkpoint is also written after the last step. */
  checkpoint: cadence.default('epoch'),
  objective: z
    .strictObject({
      metric: z
        .string()
        .regex(/^[^.\s]+\.\S+$/, "it takes 'split.metric', such as 'val.accuracy'")
        .refine(
          (metric) => !metric.startsWith('test.'),
          'the best step is never picked on test: name another split',
        ),
      goal: z.enum(['maximize', 'minimize']),
    })
    .optional(),
  controls: fn.or(z.record(z.string(), z.unknown())).default({}),
  /** The rule by which lambda and gamma become weights. */
  weighting: weightingSchema.prefault('default'),
  /** Whether lambda backs off when a run collapses under it, or how. */
  guard: guardSetting.prefault(true),
  arms: z
    .record(
      z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'an arm is named by 1 to 64 of A-Z a-z 0-9 . _ -'),
      armSchema,
    )
    .default({}),
  record: z
    .strictObject({
      /** Loss and weight of every sample: of all steps, of every k-th, of none. */
      samples: z
        .union([z.enum(['all', 'off']), z.strictObject({ every: z.number().int().positive() })], {
          error: "it takes 'all', 'off' or { every: k } with a whole number k from 1",
        })
        .default('all'),
      /** Bytes of samples per run; then they are off. */
      quota: z
        .number()
        .int()
        .positive()
        .default(10 * 2 ** 30),
    })
    .prefault({}),
  /** Seconds that a worker waits without a controller before it checkpoints and ends. */
  orphanLimit: z.number().positive().default(600),
  /** How many of the newest checkpoints stay on disk; 0 keeps all. */
  keepCheckpoints: z.number().int().nonnegative().default(3),
  /** Tools that the run is written to besides, while it trains. */
  mirror: z.array(z.enum(MIRRORS, { error: `it takes some of ${MIRRORS.join(', ')}` })).default([]),
  onReport: z
    .custom<OnReport>((value) => typeof value === 'function', { error: 'it takes a function' })
    .optional(),
})

/** The argument of `defineExperiment`. */
export const specSchema = settingsSchema.superRefine(({ worker, length }, context) => {
  if (worker?.task !== undefined && length === undefined)
    context.addIssue({ code: 'custom', path: ['length'], message: LENGTH })
})

function isLength(value: unknown): boolean {
  if (isEndless(value)) return true
  return isDuration(value) ? !isNothing(value) : Number.isSafeInteger(value) && Number(value) > 0
}

function isEndless(value: unknown): value is UntilStopped {
  return typeof value === 'object' && value !== null && 'untilStopped' in value
}

function range(text: string, holds: (value: number) => boolean): ControlRange {
  return { text, holds }
}

export interface ControlRange {
  /** Description that completes "it takes …". */
  readonly text: string
  readonly holds: (value: number) => boolean
}
