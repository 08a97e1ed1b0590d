/** Commands, requests and their results. */
import type { Action, Request, RequestResult } from '../../record/record.js'
import type {
  Action as WireAction,
  ActionSchema,
  Command as WireCommand,
  CommandResult as WireCommandResult,
  CommandResultSchema,
  CommandSchema,
  Request as WireRequest,
  RequestResult as WireRequestResult,
  RequestResultSchema,
  RequestSchema,
} from '../gen/absgd/v1/command_pb.js'
import type { Command, CommandResult } from '../message.js'
import { readControlEdit, writeControlEdit } from './edits.js'
import type { Init } from './init.js'
import { fromUint64, toUint64, violation } from './numbers.js'

export function readCommand({ leaseEpoch, id, action }: WireCommand): Command {
  return { type: 'command', leaseEpoch, id: requireId(id, 'Command.id'), action: readAction(action) }
}

export function writeCommand({ leaseEpoch, id, action }: Command): Init<typeof CommandSchema> {
  return { leaseEpoch, id, action: writeAction(action) }
}

export function readCommandResult(result: WireCommandResult): CommandResult {
  return {
    type: 'command-result',
    leaseEpoch: result.leaseEpoch,
    id: requireId(result.id, 'CommandResult.id'),
    ok: result.ok,
    step: fromUint64(result.step, 'CommandResult.step'),
    message: result.message,
    ...(result.follows === undefined ? {} : { follows: fromUint64(result.follows, 'CommandResult.follows') }),
  }
}

export function writeCommandResult(result: CommandResult): Init<typeof CommandResultSchema> {
  const { leaseEpoch, id, ok, step, message, follows } = result
  return {
    leaseEpoch,
    id,
    ok,
    step: toUint64(step, 'CommandResult.step'),
    message,
    follows: follows === undefined ? undefined : toUint64(follows, 'CommandResult.follows'),
  }
}

export function readRequest({ id, by, why, action }: WireRequest): Request {
  return { type: 'request', id: requireId(id, 'Request.id'), by, why, action: readAction(action) }
}

export function writeRequest({ id, by, why, action }: Request): Init<typeof RequestSchema> {
  return { id, by, why, action: writeAction(action) }
}

export function readRequestResult(result: WireRequestResult): RequestResult {
  return {
    type: 'request-result',
    id: result.id,
    ok: result.ok,
    step: fromUint64(result.step, 'RequestResult.step'),
    message: result.message,
  }
}

export function writeRequestResult({
  id,
  ok,
  step,
  message,
}: RequestResult): Init<typeof RequestResultSchema> {
  return { id, ok, step: toUint64(step, 'RequestResult.step'), message }
}

function readAction(action: WireAction | undefined): Action {
  const kind = action?.kind
  switch (kind?.case) {
    case undefined:
      throw violation('Action.kind', 'is missing, or of a newer version')
    case 'pause':
    case 'resume':
    case 'evaluate':
      return { type: kind.case }
    case 'undo':
      return { type: 'undo', ...(kind.value.all ? { all: true } : {}) }
    case 'checkpoint':
      return { type: 'checkpoint', ...(kind.value.automatic ? { automatic: true } : {}) }
    case 'set': {
      const { edits, checkpoint } = kind.value
      if (edits.length === 0) throw violation('Set.edits', 'is empty')
      return { type: 'set', edits: edits.map(readControlEdit), checkpoint }
    }
    case 'stepOn': {
      const steps = fromUint64(kind.value.steps, 'StepOn.steps')
      if (steps < 1) throw violation('StepOn.steps', 'is 0; it counts from 1')
      return { type: 'step-on', steps }
    }
    case 'restore': {
      const { step, path, sha256, attempt } = kind.value
      return { type: 'restore', step: fromUint64(step, 'Restore.step'), path, sha256, attempt }
    }
    case 'stop':
      return { type: 'stop', checkpoint: kind.value.checkpoint }
    default:
      return kind satisfies never
  }
}

function writeAction(action: Action): Init<typeof ActionSchema> {
  switch (action.type) {
    case 'pause':
    case 'resume':
    case 'evaluate':
      return { kind: { case: action.type, value: {} } }
    case 'undo':
      return { kind: { case: 'undo', value: { all: action.all === true } } }
    case 'checkpoint':
      return { kind: { case: 'checkpoint', value: { automatic: action.automatic === true } } }
    case 'set': {
      const { edits, checkpoint } = action
      return { kind: { case: 'set', value: { edits: edits.map(writeControlEdit), checkpoint } } }
    }
    case 'step-on':
      return { kind: { case: 'stepOn', value: { steps: toUint64(action.steps, 'StepOn.steps') } } }
    case 'restore': {
      const { step, path, sha256, attempt } = action
      return {
        kind: { case: 'restore', value: { step: toUint64(step, 'Restore.step'), path, sha256, attempt } },
      }
    }
    case 'stop':
      return { kind: { case: 'stop', value: { checkpoint: action.checkpoint } } }
    default:
      return action satisfies never
  }
}

function requireId(id: string, field: string): string {
  if (id === '') throw violation(field, 'is empty')
  return id
}
