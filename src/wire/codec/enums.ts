/** Enumerations of the contract and their names here. A missing entry in a table is a compile error. */
import type { Bye, Gap, Phase, PlanEvent, RunStatus } from '../../record/record.js'
import { PlanEvent_Kind } from '../gen/absgd/v1/plan_pb.js'
import { Note_Level, RunStatus as WireStatus } from '../gen/absgd/v1/record_pb.js'
import { Gap_Reason } from '../gen/absgd/v1/report_pb.js'
import {
  ByeReason,
  Phase as WirePhase,
  RejectCode as WireReject,
  Role,
  WeightingPreset,
} from '../gen/absgd/v1/session_pb.js'
import type { WeightingRule } from '../../record/weighting-rule.js'
import type { RejectCode } from '../message.js'
import { violation } from './numbers.js'

type Enum = Readonly<Record<string, number>>
type Words<E extends Enum, Word extends string> = Readonly<Record<Exclude<E[keyof E], 0>, Word>>

export const roles: Words<typeof Role, 'worker' | 'operator'> = {
  [Role.WORKER]: 'worker',
  [Role.OPERATOR]: 'operator',
}

export const phases: Words<typeof WirePhase, Phase> = {
  [WirePhase.STARTING]: 'starting',
  [WirePhase.TRAINING]: 'training',
  [WirePhase.PAUSED]: 'paused',
  [WirePhase.WAITING]: 'waiting',
  [WirePhase.EVALUATING]: 'evaluating',
  [WirePhase.CHECKPOINTING]: 'checkpointing',
  [WirePhase.ENDING]: 'ending',
}

export const rejectCodes: Words<typeof WireReject, RejectCode> = {
  [WireReject.PROTOCOL]: 'protocol',
  [WireReject.LEASE_HELD]: 'lease-held',
  [WireReject.WRONG_RUN]: 'wrong-run',
  [WireReject.NO_LEASE]: 'no-lease',
  [WireReject.MALFORMED]: 'malformed',
}

export const weightingPresets: Words<typeof WeightingPreset, WeightingRule['preset']> = {
  [WeightingPreset.DEFAULT]: 'default',
  [WeightingPreset.PAPER]: 'paper',
  [WeightingPreset.REFERENCE]: 'reference',
}

export const byeReasons: Words<typeof ByeReason, Bye['reason']> = {
  [ByeReason.COMPLETED]: 'completed',
  [ByeReason.STOPPED]: 'stopped',
  [ByeReason.FAILED]: 'failed',
  [ByeReason.ORPHANED]: 'orphaned',
  [ByeReason.LOST]: 'lost',
}

export const planEventKinds: Words<typeof PlanEvent_Kind, PlanEvent['kind']> = {
  [PlanEvent_Kind.EVALUATE]: 'evaluate',
  [PlanEvent_Kind.CHECKPOINT]: 'checkpoint',
}

export const gapReasons: Words<typeof Gap_Reason, Gap['reason']> = {
  [Gap_Reason.QUOTA]: 'quota',
  [Gap_Reason.SPOOL]: 'spool',
  [Gap_Reason.SIZE]: 'size',
}

export const noteLevels: Words<typeof Note_Level, 'info' | 'warning'> = {
  [Note_Level.INFO]: 'info',
  [Note_Level.WARNING]: 'warning',
}

export const runStatuses: Words<typeof WireStatus, RunStatus> = {
  [WireStatus.COMPLETED]: 'completed',
  [WireStatus.STOPPED]: 'stopped',
  [WireStatus.FAILED]: 'failed',
  [WireStatus.RESUMABLE]: 'resumable',
  [WireStatus.INTERRUPTED]: 'interrupted',
}

/** @throws AbsgdError 'protocol' for "unspecified", and for numbers that this version does not know */
export function readWord<Word extends string>(
  words: Readonly<Record<number, Word>>,
  value: number,
  field: string,
): Word {
  const word = words[value]
  if (word === undefined) throw violation(field, `is ${value}; known are ${Object.keys(words).join(', ')}`)
  return word
}

export function writeWord<Wire extends number, Word extends string>(
  words: Readonly<Record<Wire, Word>>,
  word: Word,
): Wire {
  for (const wire in words) if (words[wire] === word) return Number(wire) as Wire
  throw violation('enumeration', `has no value for "${word}"`)
}
