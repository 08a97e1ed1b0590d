/** Samples as a review in CSV: RFC 4180, numbers in full. A person fills in the column `action`; `src/review/` reads it. */
import { stringify } from 'csv-stringify/sync'
import { drawnInWords, rowCode, type Sheet, type Stratum } from '../../review/sheet.js'
import type { ShownSuspect } from './suspects.js'

/** The header row, without a line break at the end. @param isBlind - Without the columns that tell suspects from random samples. */
export function csvHeader({ isBlind }: { isBlind: boolean }): string {
  return [
    ...FIRST.map(([name]) => name),
    'action',
    ...(isBlind ? [] : OPEN.map(([name]) => name)),
    ...SHEET,
  ].join(',')
}

/**
 * One row for each sample, without a line break at the end. Unknown values are empty; in a blind review `predicted` and `probability`
 * are, too. `suspects` must not be empty.
 *
 * @param strata - Where each row comes from, in order.
 */
export function csvRows(
  suspects: readonly ShownSuspect[],
  { sheet, strata, isBlind }: { sheet: Sheet; strata: readonly Stratum[]; isBlind: boolean },
): string {
  const rows = suspects.map((suspect, i) => [
    ...FIRST.map(([name, key]) => (isBlind && REVEALING.has(name) ? '' : String(suspect[key] ?? ''))),
    '',
    ...(isBlind ? [] : OPEN.map(([, key]) => String(suspect[key] ?? ''))),
    sheet.run,
    sheet.samples,
    drawnInWords(sheet.drawn),
    rowCode(sheet, suspect.index, strata[i]!),
  ])
  return stringify(rows).replace(/\n$/, '')
}

type Columns = readonly (readonly [string, keyof ShownSuspect])[]

const FIRST = [
  ['id', 'id'],
  ['index', 'index'],
  ['label', 'label'],
  ['predicted', 'predicted'],
  ['probability', 'labelProbability'],
] as const satisfies Columns

const OPEN = [
  ['rank', 'rank'],
  ['mean_loss', 'meanLoss'],
  ['loss_spread', 'lossSpread'],
  ['last_loss', 'lastLoss'],
  ['mean_weight', 'meanWeight'],
  ['times_seen', 'timesSeen'],
  ['true_label', 'trueLabel'],
  ['is_wrong', 'isWrong'],
] as const satisfies Columns

const SHEET = ['run', 'samples', 'drawn', 'row_code'] as const

const REVEALING: ReadonlySet<string> = new Set(['predicted', 'probability'])
