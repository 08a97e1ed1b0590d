/** The timing options of a feedback schedule: lag, window, period. */
import { AbsgdError } from '../../errors.js'

export interface Timing {
  /** Steps from a report to the first row that may depend on it. Reports may take that long. @default 128 */
  readonly lag?: number
  /** Number of reports that a decision uses: the newest ones. @default 64 */
  readonly window?: number
  /** Steps from one decision to the next. @default 16 */
  readonly every?: number
}

/** @throws AbsgdError 'experiment' unless each is a whole number from 1 */
export function requireTiming(
  name: string,
  { lag = 128, window = 64, every = 16 }: Timing,
): Required<Timing> {
  for (const [what, value] of Object.entries({ lag, window, every })) {
    if (Number.isSafeInteger(value) && value >= 1) continue
    throw new AbsgdError('experiment', `${what} of ${name} is ${String(value)}`, {
      hint: 'it takes a whole number of steps from 1',
    })
  }
  return { lag, window, every }
}
