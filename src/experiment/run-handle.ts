/** The handle of a run that a script controls. */
import type { Changes, SetOptions } from './controls/script-changes.js'
import type { Report, ReportOptions } from '../history/step-report.js'
import type { RunSummary } from '../history/summarize-run.js'

/** `appliedAt`: number of steps that were done when the request took effect. */
export interface Applied {
  readonly appliedAt: number
}

/** A run that this process drives. Leaving a loop over its reports does not stop the run. */
export interface Run {
  readonly name: string
  /** The run directory. */
  readonly dir: string
  /** All reports from now on: one for each step, and one for each evaluation. */
  reports(options?: ReportOptions): AsyncIterable<Report>
  pause(): Promise<Applied>
  resume(): Promise<Applied>
  /** Trains `steps` steps of a paused run. */
  step(steps?: number): Promise<Applied>
  checkpoint(): Promise<Applied>
  /**
   * Returns to the last checkpoint that was written at `step`. If that is damaged, it returns to the one before; `appliedAt` is the
   * step of the checkpoint that was used.
   */
  restore(step: number): Promise<Applied>
  evaluate(): Promise<Applied>
  /**
   * Changes controls, all of them or none: `run.set({ lambda: -2, lr: times(0.1) })`. Resolves with the first step that is trained
   * with the new values.
   *
   * Rejects with an AbsgdError 'usage' or 'refused' that names the permitted range.
   */
  set(changes: Changes, options?: SetOptions): Promise<Applied>
  /**
   * Returns to the newest checkpoint before the last edit, and takes back all edits since. Rejects with an AbsgdError 'refused' if that
   * would take back more than the last edit, unless `all` is true.
   */
  undo(options?: { readonly all?: boolean }): Promise<Applied>
  /** Ends the run. It writes a checkpoint first, unless `checkpoint` is false. */
  stop(options?: { checkpoint?: boolean }): Promise<Applied>
  /** How the run ended: a failed run resolves too, with status "failed". Rejects when the log could not be written. */
  readonly result: Promise<RunSummary>
  /** Stops the run if it still trains, and waits for its end. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Called with every report of a run, before the readers of `reports()` get it. Its result is ignored; a promise is not awaited. */
export type OnReport = (report: Report, run: Run) => unknown
