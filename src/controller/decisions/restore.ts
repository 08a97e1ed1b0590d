/** Checkpoints that the worker cannot restore: each is noted in the log, and the one before it is tried. Pure. */
import type { Action } from '../../record/record.js'
import type { CommandResult } from '../../wire/message.js'
import { withPending } from './replies.js'
import type { ControllerState, Effect, Lease, Pending, Transition } from '../state/state.js'

/** The id of a request's command. A worker carries out each id only once, so a second try has another id. */
export function commandId({ request, refusals = [] }: Pick<Pending, 'request' | 'refusals'>): string {
  return refusals.length === 0 ? request.id : `${request.id}.${refusals.length}`
}

export function pendingOf({ pending }: ControllerState, id: string): Pending | undefined {
  return Object.values(pending).find((open) => commandId(open) === id)
}

/** Tries the checkpoint before the refused one; undefined if there is none, or the worker is leaving. */
export function tryEarlier(
  before: ControllerState,
  lease: Lease,
  pending: Pending,
  { ok, message }: CommandResult,
): Transition | undefined {
  const { action } = pending
  if (ok || action.type !== 'restore' || lease.bye !== undefined) return undefined
  const index = before.checkpoints.findIndex(({ path }) => path === action.path)
  const note: Effect = {
    type: 'append',
    body: { type: 'note', level: 'warning', text: unusable(action, message), position: before.reported },
  }
  const earlier = before.checkpoints[index - 1]
  if (earlier === undefined) return undefined
  const { path, sha256, position } = earlier
  const next: Pending = {
    ...pending,
    action: { ...action, step: position.step, path, sha256 },
    refusals: [...(pending.refusals ?? []), unusable(action, message)],
  }
  const checkpoints = before.checkpoints.filter(({ path: other }) => other !== action.path)
  const command = {
    type: 'command',
    leaseEpoch: lease.epoch,
    id: commandId(next),
    action: next.action,
  } as const
  return {
    state: withPending({ ...before, checkpoints }, next),
    effects: [note, { type: 'send', peer: lease.peer, message: command }],
  }
}

/** The part of the reply that names the checkpoints which were refused first; empty if none was. */
export function refusedFirst({ refusals = [] }: Pending): string {
  return refusals.map((why) => `; ${why}`).join('')
}

function unusable({ step }: Extract<Action, { type: 'restore' }>, message: string): string {
  return `the checkpoint of step ${step} cannot be used: ${message.replace(/^refused: /, '')}`
}
