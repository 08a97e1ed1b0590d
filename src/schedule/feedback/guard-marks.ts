/** What the guard saw, in words for the ledger. */
import type { Beginning } from './beginning.js'
import type { ReportedStep } from './rule.js'

export function narrowness(
  ess: number,
  { topClassMass, topClassShare }: ReportedStep,
  steps: number,
): string {
  const share = `effective sample size ${percent(ess)} of the batch`
  const mass = Number.isNaN(topClassMass)
    ? ''
    : `, one class with ${percent(topClassMass)} of the weight and ${percent(topClassShare)} of the samples`
  return `for ${steps} steps a few samples held the weight (${share}${mass})`
}

export function apartness(
  ess: number,
  loss: number,
  first: Beginning,
  when = 'before anything is learnt',
): string {
  return `a few samples hold the weight ${when} ${figures(ess, loss, first)}`
}

export function lostness(ess: number, loss: number, first: Beginning): string {
  return `the mean loss has risen again, and a few samples hold the weight ${figures(ess, loss, first)}`
}

function figures(ess: number, loss: number, first: Beginning): string {
  return (
    `(effective sample size ${percent(ess)} of the batch, unweighted mean loss ${loss.toPrecision(3)}, ` +
    `at first ${first.loss.toPrecision(3)})`
  )
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}
