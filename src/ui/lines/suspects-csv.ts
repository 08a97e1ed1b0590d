/** The ranking of suspects as CSV: RFC 4180, numbers in full. */
import { stringify } from 'csv-stringify/sync'
import type { ShownSuspect } from './suspects.js'

/** The header row, without a line break at the end. */
export function csvHeader(): string {
  return COLUMNS.map(([name]) => name).join(',')
}

/** One row for each suspect, without a line break at the end. Unknown values are empty. `suspects` must not be empty. */
export function csvRows(suspects: readonly ShownSuspect[]): string {
  const rows = suspects.map((suspect) => COLUMNS.map(([, key]) => String(suspect[key] ?? '')))
  return stringify(rows).replace(/\n$/, '')
}

const COLUMNS = [
  ['rank', 'rank'],
  ['index', 'index'],
  ['id', 'id'],
  ['label', 'label'],
  ['predicted', 'predicted'],
  ['label_probability', 'labelProbability'],
  ['true_label', 'trueLabel'],
  ['is_wrong', 'isWrong'],
  ['mean_loss', 'meanLoss'],
  ['loss_spread', 'lossSpread'],
  ['last_loss', 'lastLoss'],
  ['mean_weight', 'meanWeight'],
  ['times_seen', 'timesSeen'],
] as const satisfies readonly (readonly [string, keyof ShownSuspect])[]
