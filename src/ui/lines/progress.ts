/** The lines printed during training: progress, and results of evaluations. */
import { toEvaluationPoint } from '../../history/evaluations.js'
import type { Evaluation } from '../../record/record.js'
import type { RunSnapshot } from '../../history/run-snapshot.js'
import { formatControl, formatCount, formatDuration, formatNumber } from '../text/format.js'
import { fit, WIDTH } from '../text/layout.js'
import { sanitize } from '../text/sanitize.js'
import { padTo } from '../text/width.js'
import { metricsInWords } from '../text/wording.js'

export interface Pace {
  /** Mean loss of the steps since the last line; undefined when nothing was weighed. */
  readonly loss: number | undefined
  /** NaN while unknown. */
  readonly secondsPerStep: number
}

/** `480/1,920  epoch 15.0  loss 0.412  lambda -2  ess ratio 0.82  lr 0.05  eta 12 s`; items that do not fit are left out. */
export function progressLine(snapshot: RunSnapshot, { loss, secondsPerStep }: Pace): string {
  const { last, position, runSteps } = snapshot
  const { lambda, lr } = last?.controls ?? {}
  const ess = last?.numbers['train.ess_ratio']
  const left = runSteps === 0 ? NaN : secondsPerStep * (runSteps - position)
  const items = new Map([['place', placeOf(snapshot, position)]])
  if (loss !== undefined) items.set('loss', `loss ${formatNumber(loss)}`)
  if (lambda !== undefined) items.set('lambda', `lambda ${formatControl('lambda', lambda)}`)
  if (ess !== undefined) items.set('ess', `ess ratio ${ess.toFixed(2)}`)
  if (lr !== undefined) items.set('lr', `lr ${formatNumber(lr)}`)
  if (Number.isFinite(left)) items.set('eta', `eta ${formatDuration(left)}`)
  const line = () => [...items.values()].join('  ')
  for (const dispensable of ['lr', 'ess', 'lambda']) if (line().length > WIDTH) items.delete(dispensable)
  return line()
}

/** The line of an evaluation: the metric of the objective, then as many others as fit. */
export function evaluationLine(
  snapshot: RunSnapshot,
  evaluation: Evaluation,
  objective: string | undefined,
): string {
  const { split, step } = evaluation
  const named = Object.entries(toEvaluationPoint(evaluation).metrics)
  const isFirst = (name: string) => `${split}.${name}` === objective
  const metrics = Object.fromEntries([
    ...named.filter(([name]) => isFirst(name)),
    ...named.filter(([name]) => !isFirst(name)),
  ])
  return fit([
    placeOf(snapshot, step + 1),
    padTo(sanitize(split), SPLIT_WIDTH),
    ...metricsInWords(metrics).map(sanitize),
  ])
}

/** `  480/1,920  epoch 15`, of the same width for every step of a run. */
function placeOf({ runSteps, stepsPerEpoch }: RunSnapshot, position: number): string {
  const total = runSteps === 0 ? '' : formatCount(runSteps)
  const steps =
    runSteps === 0
      ? `step ${formatCount(position)}`
      : `${formatCount(position).padStart(total.length)}/${total}`
  if (stepsPerEpoch === 0) return steps
  const width = runSteps === 0 ? 0 : (runSteps / stepsPerEpoch).toFixed(1).length
  return `${steps}  epoch ${(position / stepsPerEpoch).toFixed(1).padStart(width)}`
}

const SPLIT_WIDTH = 5
