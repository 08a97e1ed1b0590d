/** The lines for events of a run. Steps and evaluations give lines only when their numbers become, or cease to be, NaN or infinite. */
import type { Body, Phase } from '../../record/record.js'
import type { RunSnapshot } from '../../history/run-snapshot.js'
import { formatBytes, formatControl, formatCount } from '../text/format.js'
import { fit, wrap } from '../text/layout.js'
import { nonFiniteEvents } from './non-finite.js'
import { detailLines, entry } from './page.js'
import { sanitize } from '../text/sanitize.js'
import {
  actionInWords,
  editToInWords,
  exitInWords,
  metricsInWords,
  positionInWords,
} from '../text/wording.js'

/** The name of the run, its state before and after the event, and the phase recorded last. */
export interface EventContext {
  readonly run: string
  readonly before: RunSnapshot
  readonly after: RunSnapshot
  readonly phase: Phase
}

/** The lines of an event. Many events have none. */
export function eventLines(body: Body, { run, before, after, phase }: EventContext): string[] {
  switch (body.type) {
    case 'controller-started':
      return before.manifestJson === undefined ? [] : say(`${run} goes on`)
    case 'worker-joined':
      return joinedLines(before, body)
    case 'worker-left':
      return leftLines(before, body)
    case 'checkpoint-written':
      return say(`checkpoint ${positionInWords(body.position)}: ${body.path}, ${formatBytes(body.bytes)}`)
    case 'requested': {
      const { by, why, action } = body.request
      return say(`asked by ${by}: ${actionInWords(action)}${why === '' ? '' : ` (${why})`}`)
    }
    case 'settled':
      return settledLines(after, body.result)
    case 'rewind': {
      const from =
        body.toStep === 0 ? 'starts from the beginning' : `goes on after ${formatCount(body.toStep)} steps`
      return say(`attempt ${body.attempt} ${from} (${body.cause})`)
    }
    case 'note':
      return say(`${body.level === 'warning' ? 'warning' : 'note'}: ${body.text}`)
    case 'summary':
      return [fit(metricsInWords(body.values).map(sanitize))]
    case 'gap':
      return say(
        `samples are not recorded from step ${formatCount(body.firstStep)} on: ${GAP_REASONS[body.reason]}`,
      )
    case 'progress':
      return phaseLines(phase, body)
    case 'edited': {
      const { control, before, after, to, position } = body
      const old = Number.isNaN(before) ? '(its own)' : formatControl(control, before)
      const values = `${old} → ${formatControl(control, after)}`
      const how = to.kind === 'schedule' && Number.isFinite(Number(to.text)) ? '' : ` (${editToInWords(to)})`
      return say(`${control} ${values}${how} from step ${formatCount(position.step)} on`)
    }
    case 'decided':
      return body.mark === '' ? [] : say(`${body.control}: ${body.mark}`)
    case 'bye':
      return body.reason === 'orphaned' ? say('the worker lost its controller for too long, and left') : []
    case 'step-batch':
    case 'evaluation':
      return nonFiniteEvents(before.nonFinite, after.nonFinite).flatMap(({ type, text }) =>
        say(`${type === 'began' ? 'warning: ' : ''}${text}`),
      )
    case 'plan':
    case 'plan-ack':
    case 'run-ended':
    case 'sample-batch':
    case 'sample-info':
    case 'sample-predictions':
      return []
    default:
      return body satisfies never
  }
}

function joinedLines(before: RunSnapshot, joined: Extract<Body, { type: 'worker-joined' }>): string[] {
  const { hello, runSteps, attempt } = joined
  if (before.incarnations.includes(hello.incarnation))
    return say(`the worker (pid ${hello.pid}) is back, ${positionInWords(hello.position)}`)
  if (before.incarnations.length > 0) return say(`a new worker (pid ${hello.pid}) trains attempt ${attempt}`)
  const { device, datasetSize, batchSize, numClasses, stepsPerEpoch } = hello
  const data = [
    device,
    ...(datasetSize === 0 ? [] : [`${formatCount(datasetSize)} samples`]),
    ...(batchSize === 0 ? [] : [`batches of ${formatCount(batchSize)}`]),
    ...(numClasses === 0 ? [] : [`${formatCount(numClasses)} classes`]),
    `pid ${hello.pid}`,
  ]
  const steps = runSteps === 0 ? 'until stopped' : formatCount(runSteps)
  const anEpoch = stepsPerEpoch === 0 ? '' : `, ${formatCount(stepsPerEpoch)} an epoch`
  return [...entry('worker', data.join(', ')), ...entry('steps', `${steps}${anEpoch}`)]
}

function leftLines(before: RunSnapshot, left: Extract<Body, { type: 'worker-left' }>): string[] {
  // The reason that a worker gave is printed at the end of the run.
  const { worker } = before
  if (left.exitCode === 0 || 'bye' in worker) return []
  return [
    ...say(`the worker is gone (${exitInWords(left)}), ${positionInWords(left.position)}`),
    ...(left.lastLines === '' ? [] : detailLines(left.lastLines)),
  ]
}

function settledLines(
  { requests }: RunSnapshot,
  { id, ok, step, message }: Extract<Body, { type: 'settled' }>['result'],
): string[] {
  const request = requests.find((entry) => entry.id === id)
  const what = request === undefined ? 'request' : actionInWords(request.action)
  const words = message === '' ? '' : `: ${message}`
  return say(`${ok ? 'done' : 'refused'}: ${what}, ${positionInWords({ attempt: 0, step })}${words}`)
}

function phaseLines(before: Phase, { phase, position }: Extract<Body, { type: 'progress' }>): string[] {
  if (phase === before) return []
  if (phase === 'paused') return say(`paused ${positionInWords(position)}`)
  if (phase === 'waiting') return say(`waiting for the next rows of the plan ${positionInWords(position)}`)
  const wasStopped = before === 'paused' || before === 'waiting'
  return wasStopped && phase === 'training' ? say(`training again ${positionInWords(position)}`) : []
}

function say(text: string): string[] {
  return wrap(sanitize(text), { hanging: '  ' })
}

export const GAP_REASONS = {
  quota: 'the quota is used up',
  spool: "the worker's spool is full",
  size: 'one step has more of them than a record may hold',
} as const
