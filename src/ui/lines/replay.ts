/** The result of a replay as text. */
import type { StepDifference } from '../../history/series/step-history.js'
import { formatCount } from '../text/format.js'
import { wrap } from '../text/layout.js'

interface Found {
  readonly run: string
  readonly steps: number
  readonly replayed: number
  readonly difference?: StepDifference
  readonly evaluation?: StepDifference
  readonly planning?: StepDifference
}

/** @param run - Name of the run that was replayed */
export function replayLines(run: string, found: Found): string[] {
  const { steps, replayed, difference, evaluation, planning } = found
  const trained =
    replayed === steps
      ? `${formatCount(steps)} steps of ${run} trained again as ${found.run}`
      : `${formatCount(replayed)} of ${formatCount(steps)} steps of ${run} trained again as ${found.run}: it broke off`
  const same =
    difference === undefined
      ? `no step differs: every statistic of every step is the same, bit for bit`
      : `the first step that differs: ${inWords(difference)}`
  const evaluated =
    evaluation === undefined
      ? 'no evaluation differs'
      : `the first evaluation that differs: ${inWords(evaluation)}`
  const planned =
    planning === undefined
      ? 'planned anew from the experiment, the ledger and the reports, every row is the one that was applied'
      : `planned anew, a row would differ: ${inWords(planning)}`
  return [trained, same, evaluated, planned].flatMap((text) => wrap(text, { hanging: '  ' }))
}

function inWords({ step, name, was, is }: StepDifference): string {
  return `step ${formatCount(step)}, ${name}: ${was} then, ${is} now`
}
