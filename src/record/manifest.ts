/** What is known of a run before its first record: written once as `manifest.json`, never changed. */
import type { WeightingRule } from './weighting-rule.js'

export interface Manifest {
  /** Of this file's layout. */
  readonly format: 1
  /** The run's name: its directory below the runs root. */
  readonly run: string
  /** The experiment's name. */
  readonly experiment: string
  readonly arm?: string
  /** ISO 8601, UTC. */
  readonly createdAt: string
  /** Version of the absgd package. */
  readonly version: string
  /** Absolute path of the experiment file; absent when a script launched the run. */
  readonly experimentFile?: string
  /** The parsed parameters, as handed to the task. */
  readonly params: Readonly<Record<string, unknown>>
  /** Schedules as text that took the place of the experiment's own: `run --set lambda=-2`. */
  readonly set?: Readonly<Record<string, string>>
  readonly config: RunConfig
  /** Of a fork: the run that it was forked from, its directory, and the step of the checkpoint. */
  readonly parent?: { readonly run: string; readonly dir: string; readonly step: number }
}

/** The resolved settings of a run, as text where they are code: for people, not for running again. */
export interface RunConfig {
  /** `FILE:FUNCTION` or `MODULE:FUNCTION`, files absolute; or a script as it is shown: `train.py --lr 0.1`. */
  readonly task: string
  /** "200 steps", "60 epochs", "until stopped". */
  readonly length: string
  readonly evaluate: string
  readonly checkpoint: string
  readonly objective?: { readonly metric: string; readonly goal: 'maximize' | 'minimize' }
  /** Each control's schedule in words: `lambda: "off for 5 epochs, then exponential -5 → -0.5 over 10 epochs"`. */
  readonly controls: Readonly<Record<string, string>>
  /** Samples of every k-th step are recorded; 0 for none. */
  readonly sampleEvery: number
  readonly sampleQuotaBytes: number
  readonly orphanLimitSeconds: number
  readonly keepCheckpoints: number
  /** Absent in runs from before there was a choice: the default. */
  readonly weighting?: WeightingRule
  /** Of a script: the directory that it is started in. */
  readonly directory?: string
  /** Somebody else starts the worker, and it outlives its controller. */
  readonly attached?: true
  /** The task is not run: a toy is trained in its place, and every figure is the toy's. */
  readonly simulated?: true
  /** Of a simulated run; as fast as it goes when absent. */
  readonly stepsPerSecond?: number
}
