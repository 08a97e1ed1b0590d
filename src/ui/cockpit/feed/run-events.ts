/** Events of a run as lines for the log panel. */
import type { Body, LogRecord } from '../../../record/record.js'
import { eventLines, type EventContext } from '../../lines/events.js'
import { nonFiniteEvents } from '../../lines/non-finite.js'
import { statusSentence, type Tone } from '../status-text.js'

export interface RunEvent {
  /** UTC milliseconds by the clock of the process that wrote the record. */
  readonly timeMs: number
  readonly tone: Tone
  readonly text: string
  /** Whether the line belongs to the event before it, such as a line of a traceback. */
  readonly detail: boolean
}

export function eventsOf({ body, timeMs }: LogRecord, context: EventContext): readonly RunEvent[] {
  const tone = toneOf(body)
  const event = (text: string, detail = false): RunEvent => ({ timeMs, tone, text, detail })
  switch (body.type) {
    case 'run-ended':
      return [event(statusSentence(body.status, context.after))]
    case 'step-batch':
    case 'evaluation':
      return nonFiniteEvents(context.before.nonFinite, context.after.nonFinite).map(({ type, text }) => ({
        ...event(text),
        tone: type === 'began' ? 'bad' : 'good',
      }))
    case 'worker-joined': {
      const { hello } = body
      if (context.before.incarnations.length > 0) break
      const torch = hello.versions['torch']
      return [
        event(
          `the worker joined: ${torch === undefined ? '' : `torch ${torch} on `}${hello.device}, pid ${hello.pid}`,
        ),
      ]
    }
    default:
  }
  const lines = eventLines(body, context)
  if (body.type === 'worker-left') return lines.map((text, i) => event(i === 0 ? text : text.slice(2), i > 0))
  return lines.length === 0 ? [] : [event(lines.map((text) => text.trim()).join(' '))]
}

function toneOf(body: Body): Tone {
  switch (body.type) {
    case 'note':
      return body.level === 'warning' ? 'warn' : 'plain'
    case 'settled':
      return body.result.ok ? 'plain' : 'bad'
    case 'rewind':
    case 'gap':
      return 'warn'
    case 'worker-left':
      return 'bad'
    case 'run-ended':
      return body.status === 'completed' ? 'good' : body.status === 'failed' ? 'bad' : 'plain'
    default:
      return 'plain'
  }
}
