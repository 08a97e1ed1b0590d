/** The status of a run as text. */
import { formatCount, formatNumber } from '../text/format.js'
import type { Phase, RunStatus } from '../../record/record.js'
import type { RunSnapshot } from '../../history/run-snapshot.js'

export type Tone = 'plain' | 'good' | 'warn' | 'bad'

/** The status of a run as the cockpit shows it. */
export type ShownStatus =
  | { readonly type: 'reading' }
  | { readonly type: 'working'; readonly phase: Phase }
  /** The worker's process ended; the controller may start another. */
  | { readonly type: 'no-worker' }
  /** The controller ended without recording the end of the run. */
  | { readonly type: 'no-controller' }
  | { readonly type: 'ended'; readonly status: RunStatus; readonly reason: string }

export interface StatusText {
  readonly text: string
  readonly tone: Tone
  readonly glyph: 'training' | 'waiting' | 'done' | 'failed'
}

export function shownStatusInWords(status: ShownStatus): StatusText {
  switch (status.type) {
    case 'reading':
      return { text: 'reading the log', tone: 'plain', glyph: 'waiting' }
    case 'working':
      return PHASES[status.phase]
    case 'no-worker':
      return { text: 'worker gone', tone: 'bad', glyph: 'failed' }
    case 'no-controller':
      return { text: 'controller gone', tone: 'bad', glyph: 'failed' }
    case 'ended':
      return ENDS[status.status]
    default:
      return status satisfies never
  }
}

/** `completed after 1,920 steps (60 epochs)`. */
export function statusSentence(status: RunStatus, { position, epoch }: RunSnapshot): string {
  const epochs = epoch === undefined ? '' : ` (${formatNumber(epoch)} ${epoch === 1 ? 'epoch' : 'epochs'})`
  return `${status} after ${formatCount(position)} ${position === 1 ? 'step' : 'steps'}${epochs}`
}

/** `: reason` for a run that failed or broke off; empty for others. */
export function reasonOf({
  status,
  reason,
}: {
  readonly status: RunStatus
  readonly reason: string
}): string {
  return reason !== '' && (status === 'failed' || status === 'resumable') ? `: ${reason}` : ''
}

const PHASES: Readonly<Record<Phase, StatusText>> = {
  starting: { text: 'starting', tone: 'plain', glyph: 'waiting' },
  training: { text: 'training', tone: 'good', glyph: 'training' },
  paused: { text: 'paused', tone: 'warn', glyph: 'waiting' },
  waiting: { text: 'waiting for a plan', tone: 'warn', glyph: 'waiting' },
  evaluating: { text: 'evaluating', tone: 'good', glyph: 'training' },
  checkpointing: { text: 'checkpointing', tone: 'good', glyph: 'training' },
  ending: { text: 'ending', tone: 'plain', glyph: 'waiting' },
}

const ENDS: Readonly<Record<RunStatus, StatusText>> = {
  completed: { text: 'completed', tone: 'good', glyph: 'done' },
  stopped: { text: 'stopped', tone: 'warn', glyph: 'done' },
  failed: { text: 'failed', tone: 'bad', glyph: 'failed' },
  resumable: { text: 'broken off', tone: 'bad', glyph: 'failed' },
  interrupted: { text: 'interrupted', tone: 'warn', glyph: 'done' },
}
