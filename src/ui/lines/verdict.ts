/** What a comparison in pairs has shown, as lines of text: the same words as `absgd-run --ab`. */
import type { PairComparison } from '../../statistics/compare-pairs.js'
import { formatMeanSd, formatNumber } from '../text/format.js'
import { wrap } from '../text/layout.js'
import { sanitize } from '../text/sanitize.js'

export interface VerdictLinesOptions {
  /** Whether it is about wrong labels, which the labels of the metric may have, too. */
  readonly isWrongLabels: boolean
}

/** The figures of both, the difference, the verdict, and what it does not say. */
export function verdictLines(
  { metric, arms, seeds, verdict }: PairComparison,
  { isWrongLabels }: VerdictLinesOptions,
): string[] {
  const width = Math.max(...arms.map(({ name }) => name.length))
  const figures = arms.map(({ name, mean, sd }) =>
    sanitize(`${name.padEnd(width)}  ${metric} ${formatMeanSd(mean, sd)}`),
  )
  const tell = (text: string) => wrap(sanitize(text), { hanging: '  ' })
  if (verdict === null) return [...figures, ...tell(IGNORED)]
  const { mean, low, high, words } = verdict
  const interval = low === null || high === null ? '' : `, 95 % interval ${signed(low)} to ${signed(high)}`
  const over = seeds === 1 ? '1 seed' : `${seeds} seeds`
  return [
    ...figures,
    ...tell(`better by ${signed(mean)}, paired by seed, ${over}${interval}`),
    ...tell(`${arms[1].name} ${words}`),
    ...(isWrongLabels ? tell(WRONG) : []),
  ]
}

function signed(value: number): string {
  return value < 0 ? formatNumber(value) : `+${formatNumber(value)}`
}

const IGNORED =
  'the runs ignore the seed: their figures are the same to the last bit for every seed, so that nothing can be said about chance. Use the parameter "seed" for the data, the model and the order'
const WRONG =
  'if the labels of the metric are wrong, too, it punishes a model that is right where they are wrong: the true difference is larger. Decide by samples whose labels you have checked'
