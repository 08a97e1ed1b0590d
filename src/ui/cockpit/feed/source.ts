/** The input of the cockpit: records of a run, and a function that sends requests. The cockpit itself opens no file and no socket. */
import type { Manifest } from '../../../record/manifest.js'
import type { Action, LogRecord, RequestResult } from '../../../record/record.js'

export interface RunSource {
  readonly manifest: Manifest
  /** The run directory. */
  readonly dir: string
  /**
   * All existing records in blocks, then an empty block, then new records as they are appended. Each block must be read completely
   * before the next. Ends when the run ended or has no controller.
   */
  records(signal: AbortSignal): AsyncIterable<Iterable<LogRecord>>
  /** Like `records`, for samples only. */
  samples(signal: AbortSignal): AsyncIterable<Iterable<LogRecord>>
  /** Whether a controller drives the run. */
  isDriven(): boolean
  /** The latest lines that the worker printed, the newest last. */
  workerLines(): readonly string[]
  /**
   * Sends a request to the run's controller and returns the answer, which may be a refusal.
   *
   * @throws AbsgdError 'unreachable' when there is no answer
   */
  ask(action: Action): Promise<RequestResult>
  /** The command that shows the run again. */
  readonly comeBack: string
  /** The command that continues the run. */
  readonly resume: string
}
