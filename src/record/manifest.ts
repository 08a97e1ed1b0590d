/** The manifest of a run, `manifest.json`: written once before the first record, and never changed. */
import type { MirrorName } from './mirror.js'
import type { WeightingRule } from './weighting-rule.js'

export interface Manifest {
  /** Version of the layout of this file. */
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
  /** Schedules as text that replaced those of the experiment: `run --set lambda=-2`. */
  readonly set?: Readonly<Record<string, string>>
  readonly config: RunConfig
  /** Set if the run is a fork: the original run, its directory, and the step of the checkpoint. */
  readonly parent?: { readonly run: string; readonly dir: string; readonly step: number }
}

/** The resolved settings of a run. Settings that are code are described in text, for people; a run cannot be started from them. */
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
  /** The samples of every k-th step are recorded; 0: of no step. */
  readonly sampleEvery: number
  readonly sampleQuotaBytes: number
  readonly orphanLimitSeconds: number
  readonly keepCheckpoints: number
  /** Absent without one. */
  readonly mirror?: readonly MirrorName[]
  /** Absent in runs of versions that had only the default. */
  readonly weighting?: WeightingRule
  /** Set if the worker is a script: the directory in which it is started. */
  readonly directory?: string
  /** Set if the worker is started by hand. It continues when its controller ends. */
  readonly attached?: true
  /** Set if a small built-in model is trained instead of the task. All numbers are those of that model. */
  readonly simulated?: true
  /** Speed of a simulated run; absent: as fast as possible. */
  readonly stepsPerSecond?: number
}
