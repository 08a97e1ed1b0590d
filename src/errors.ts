/** The one error of this package: a code for programs, a message for people, a hint that says what to do. */

export type ErrorCode =
  | 'usage' // a flag, argument or name that does not exist or fit
  | 'experiment' // the experiment file or its values
  | 'environment' // Python, torch, packages
  | 'run-directory' // the runs root, a run's name, lock or files
  | 'log' // a log that cannot be read
  | 'protocol' // a peer that breaks the contract
  | 'worker' // the worker died, never came, or its task failed
  | 'refused' // the controller or worker refused a request
  | 'unreachable' // no controller answers

export class AbsgdError extends Error {
  override readonly name = 'AbsgdError'
  readonly code: ErrorCode
  /** The remedy: one or more lines. */
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
  }
}

/** The error itself, or `thrown` wrapped under `code`. */
export function toAbsgdError(thrown: unknown, code: ErrorCode): AbsgdError {
  if (thrown instanceof AbsgdError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new AbsgdError(code, message, { cause: thrown })
}
