/** What the cockpit is given: runs to read, and whom to ask. It opens no file and no socket itself. */
import type { Manifest } from '../../../record/manifest.js'
import type { Action, LogRecord, RequestResult } from '../../../record/record.js'

export interface RunSource {
  readonly manifest: Manifest
  /** The run directory. */
  readonly dir: string
  /**
   * Everything so far, then what is appended; a block without records says that everything so far was returned. Each block is
   * read to its end before the next is asked for. Ends when the run is over, or nobody drives it any more.
   */
  records(signal: AbortSignal): AsyncIterable<Iterable<LogRecord>>
  /** As `records`, of the samples alone. */
  samples(signal: AbortSignal): AsyncIterable<Iterable<LogRecord>>
  /** Whether a controller drives the run. */
  isDriven(): boolean
  /** The last lines that the worker printed, the newest last. */
  workerLines(): readonly string[]
  /**
   * Asks the run's controller, and returns its answer, refusals included.
   *
   * @throws AbsgdError 'unreachable' when nobody answers.
   */
  ask(action: Action): Promise<RequestResult>
  /** What to type to see the run again. */
  readonly comeBack: string
  /** What to type to go on with it. */
  readonly resume: string
}
