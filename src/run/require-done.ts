import { AbsgdError } from '../errors.js'
import type { RequestResult } from '../record/record.js'

/** Turns a refusal into an error, for callers to whom it is one. */
export function requireDone(result: RequestResult): RequestResult {
  if (!result.ok) throw new AbsgdError('refused', result.message)
  return result
}
