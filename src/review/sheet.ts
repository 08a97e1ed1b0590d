/**
 * What a review says about itself: the run, the size of its data, how its rows were drawn, and a code for each row.
 *
 * Rows that were drawn at random look like suspects, so that a reviewer judges both alike. The code of a row tells which it is: a hash,
 * which a person cannot read, and which needs neither the log nor a secret. Codes consist of letters, since a spreadsheet takes
 * `12e45678` for a number.
 */
import { createHash } from 'node:crypto'

/** Where a row of a review comes from. */
export type Stratum = 'suspect' | 'random'

/** How the rows of a review were drawn. `suspects` of the ranked samples lead the ranking; `random` of the `others` were drawn. */
export interface Drawn {
  readonly suspects: number
  readonly random: number
  /** Number of ranked samples that are not suspects. */
  readonly others: number
  /** The label of all of them; absent for all labels. */
  readonly label?: number
}

/** What each row of a review repeats. */
export interface Sheet {
  readonly run: string
  /** Number of samples of the data set: `60000`, or `59998+` for at least 59,998, where the run does not know it. */
  readonly samples: string
  readonly drawn: Drawn
}

export function drawnInWords({ suspects, random, others, label }: Drawn): string {
  const of = label === undefined ? '' : ` with label ${label}`
  return `${suspects} suspects and ${random} of ${others} others${of}`
}

/** The inverse of `drawnInWords`; undefined for any other text. */
export function readDrawn(text: string): Drawn | undefined {
  const found = /^(\d+) suspects and (\d+) of (\d+) others(?: with label (\d+))?$/.exec(text)
  if (found === null) return undefined
  const [suspects = 0, random = 0, others = 0] = found.slice(1, 4).map(Number)
  return { suspects, random, others, ...(found[4] === undefined ? {} : { label: Number(found[4]) }) }
}

/** The code of a row: 12 letters from a to p. */
export function rowCode({ run, samples, drawn }: Sheet, index: number, stratum: Stratum): string {
  const text = ['absgd review', run, samples, drawnInWords(drawn), index, stratum].join('\n')
  const digits = createHash('sha256').update(text).digest('hex').slice(0, CODE_LETTERS)
  return [...digits].map((digit) => LETTERS[Number.parseInt(digit, 16)]!).join('')
}

/** Undefined for the code of another row or another review. */
export function stratumOf(sheet: Sheet, index: number, code: string): Stratum | undefined {
  return STRATA.find((stratum) => rowCode(sheet, index, stratum) === code)
}

const STRATA: readonly Stratum[] = ['suspect', 'random']
const LETTERS = 'abcdefghijklmnop'
const CODE_LETTERS = 12
