/** How runs stand, in words. */
import { formatCount, formatNumber } from '../text/format.js'
import type { Phase, RunStatus } from '../../record/record.js'
import type { RunSnapshot } from '../../history/run-snapshot.js'

export type Tone = 'plain' | 'good' | 'warn' | 'bad'

/** How a run stands. */
export type Standing =
  | { readonly type: 'reading' }
  | { readonly type: 'working'; readonly phase: Phase }
  /** Its process is gone; the controller may start another. */
  | { readonly type: 'no-worker' }
  /** Without an end: the controller died. */
  | { readonly type: 'no-controller' }
  | { readonly type: 'ended'; readonly status: RunStatus; readonly reason: string }

export interface StandingWords {
  readonly text: string
  readonly tone: Tone
  readonly glyph: 'training' | 'standing' | 'done' | 'failed'
}

export function standingInWords(standing: Standing): StandingWords {
  switch (standing.type) {
    case 'reading':
      return { text: 'reading the log', tone: 'plain', glyph: 'standing' }
    case 'working':
      return PHASES[standing.phase]
    case 'no-worker':
      return { text: 'worker gone', tone: 'bad', glyph: 'failed' }
    case 'no-controller':
      return { text: 'controller gone', tone: 'bad', glyph: 'failed' }
    case 'ended':
      return ENDS[standing.status]
    default:
      return standing satisfies never
  }
}

/** `completed after 1,920 steps (60 epochs)`. */
export function statusSentence(status: RunStatus, { position, epoch }: RunSnapshot): string {
  const epochs = epoch === undefined ? '' : ` (${formatNumber(epoch)} ${epoch === 1 ? 'epoch' : 'epochs'})`
  return `${status} after ${formatCount(position)} ${position === 1 ? 'step' : 'steps'}${epochs}`
}

/** `: why`, where the status alone does not tell. */
export function reasonOf({
  status,
  reason,
}: {
  readonly status: RunStatus
  readonly reason: string
}): string {
  return reason !== '' && (status === 'failed' || status === 'resumable') ? `: ${reason}` : ''
}

const PHASES: Readonly<Record<Phase, StandingWords>> = {
  starting: { text: 'starting', tone: 'plain', glyph: 'standing' },
  training: { text: 'training', tone: 'good', glyph: 'training' },
  paused: { text: 'paused', tone: 'warn', glyph: 'standing' },
  waiting: { text: 'waiting for a plan', tone: 'warn', glyph: 'standing' },
  evaluating: { text: 'evaluating', tone: 'good', glyph: 'training' },
  checkpointing: { text: 'checkpointing', tone: 'good', glyph: 'training' },
  ending: { text: 'ending', tone: 'plain', glyph: 'standing' },
}

const ENDS: Readonly<Record<RunStatus, StandingWords>> = {
  completed: { text: 'completed', tone: 'good', glyph: 'done' },
  stopped: { text: 'stopped', tone: 'warn', glyph: 'done' },
  failed: { text: 'failed', tone: 'bad', glyph: 'failed' },
  resumable: { text: 'broken off', tone: 'bad', glyph: 'failed' },
  interrupted: { text: 'interrupted', tone: 'warn', glyph: 'done' },
}
