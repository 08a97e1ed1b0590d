/** A run as a script holds it. */
import type { Changes, SetOptions } from './controls/changes.js'
import type { Report, ReportOptions } from '../history/step-report.js'
import type { RunSummary } from '../history/summary.js'

/** Where in training a request took effect: that many steps were done. */
export interface Applied {
  readonly appliedAt: number
}

/** A run driven by this process. Leaving a loop over its reports never stops it. */
export interface Run {
  readonly name: string
  /** The run directory. */
  readonly dir: string
  /** Every report from the call on, one a step and one an evaluation. */
  reports(options?: ReportOptions): AsyncIterable<Report>
  pause(): Promise<Applied>
  resume(): Promise<Applied>
  /** Trains `steps` steps of a paused run. */
  step(steps?: number): Promise<Applied>
  checkpoint(): Promise<Applied>
  /** Returns to the last checkpoint that was written at `step`; where that is damaged, to the one before it: `appliedAt` says to which. */
  restore(step: number): Promise<Applied>
  evaluate(): Promise<Applied>
  /**
   * Changes controls, all of them or none: `run.set({ lambda: -2, lr: times(0.1) })`. Resolves with the first step that trains
   * with it.
   *
   * Rejects with an AbsgdError 'usage' or 'refused' that names the permitted range.
   */
  set(changes: Changes, options?: SetOptions): Promise<Applied>
  /**
   * Returns to the newest checkpoint before the last edit; later edits go with it. Rejects with an AbsgdError 'refused' where that
   * takes back more than the last edit, unless `all` is true.
   */
  undo(options?: { readonly all?: boolean }): Promise<Applied>
  /** Checkpoints, unless told otherwise, and ends the run. */
  stop(options?: { checkpoint?: boolean }): Promise<Applied>
  /** How the run ended: a failed run resolves too, with status "failed". Rejects when the log could not be written. */
  readonly result: Promise<RunSummary>
  /** Stops the run if it still trains, and waits for its end. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Called with every report of a run, before its readers are. What it returns is not waited for. */
export type OnReport = (report: Report, run: Run) => unknown
