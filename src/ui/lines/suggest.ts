/** `absgd suggest`: which lambda suits the spread of a run's last losses. */
import type { RunSummary } from '../../history/summarize-run.js'
import type { LossesRead } from '../../analysis/loss-spread.js'
import { MIN_SIZE, type BoundedSuggestion, type Suggestion } from '../../analysis/lambda-suggestions.js'
import type { Outcome } from '../../analysis/lambda-outcome.js'
import { formatControl, formatNumber } from '../text/format.js'
import { wrap } from '../text/layout.js'
import { LEGEND, lossLines, outcomeTable, percent } from './outcomes.js'
import { sanitize } from '../text/sanitize.js'

export interface SuggestPage {
  readonly summary: RunSummary
  readonly losses: LossesRead
  readonly now: Outcome | undefined
  readonly suggestions: readonly Suggestion[]
  readonly forWrong: (BoundedSuggestion & { readonly wrong: number; readonly isGuess: boolean }) | undefined
}

/** @param width - Columns of the terminal, at least 80. */
export function suggestLines(page: SuggestPage, width: number): string[] {
  const { summary, losses, now, suggestions } = page
  const known = now ?? suggestions.find(({ outcome }) => outcome !== undefined)?.outcome
  const rows = [
    ...(now === undefined ? [] : [{ asked: 'now', outcome: now }]),
    ...suggestions.map(({ ess, outcome }) => ({ asked: `ess=${ess}`, outcome })),
  ]
  const lines = [
    ...wrap(`${summary.run}: which lambda suits its last losses`),
    ...lossLines(summary, losses, known?.wrong),
    '',
    ...outcomeTable(rows, width),
    '',
    ...wrap(LEGEND, { width }),
    '',
    ...wrap('lambda < 0 turns away from high losses (wrong labels), > 0 attends to them (rare cases).', {
      width,
    }),
    ...wrap(adviceOf(page), { width }),
  ]
  return lines.map(sanitize)
}

/** Advice about wrong labels. */
export function adviceOf({ forWrong }: Pick<SuggestPage, 'forWrong'>): string {
  if (forWrong === undefined) return 'Are labels wrong? --wrong 0.3 says what to aim for if 30 % of them are.'
  const { wrong, isGuess, ess, outcome, unbounded } = forWrong
  const labels = `${percent(wrong)} wrong labels (${isGuess ? 'guessed' : 'known'})`
  const aim = `aim for an ESS ratio of about ${formatNumber(Number(ess.toFixed(2)))} with lambda < 0`
  if (outcome === undefined) return `${labels}: ${aim}; no lambda gives it on these losses. ${CAUTION}`
  const shown = (lambda: number) => formatControl('lambda', rounded(lambda))
  if (unbounded === undefined)
    return `${labels}: ${aim}, on these losses lambda ${shown(outcome.lambda)}. ${CAUTION}`
  const least = `stay at ${shown(outcome.lambda)}, an ESS ratio of ${outcome.essRatio.toFixed(2)}`
  return `${labels}: ${aim}; on these losses that is lambda ${shown(unbounded)}, too close to 0: ${least}. ${CAUTION}`
}

function rounded(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(2)) : value
}

const CAUTION = `Anneal to it, never start small: train with lambda off first, then come down from about ten times that, and keep a lower bound on |lambda|: ${MIN_SIZE} for cross-entropy. A higher ratio lets the model learn the wrong labels by heart, a much lower one lets it collapse. The losses of another stage of training ask for another lambda.`
