/** The records of a log. This file is long because it has two switches over all kinds of records. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { Body, CheckpointWritten, Covered, LogRecord } from '../../record/record.js'
import { toAbsgdError } from '../../errors.js'
import {
  RecordSchema,
  type CheckpointWritten as WireCheckpointWritten,
  type CheckpointWrittenSchema,
  type Record as WireRecord,
} from '../gen/absgd/v1/record_pb.js'
import { createArena, type Arena } from './arrays.js'
import { readRequest, readRequestResult, writeRequest, writeRequestResult } from './command.js'
import { noteLevels, readWord, runStatuses, writeWord } from './enums.js'
import { readDecided, readEdited, writeDecided, writeEdited } from './edits.js'
import type { Init } from './init.js'
import { readValues, writeValues } from './named.js'
import {
  duration,
  fromIncarnation,
  fromInt64,
  fromUint64,
  toIncarnation,
  toUint64,
  violation,
} from './numbers.js'
import { readPlan, readPlanAck, writePlan, writePlanAck } from './plan.js'
import * as report from './report.js'
import * as session from './session.js'

/** Serialises a record: what a log frame or a telemetry frame holds. */
export function encodeRecord(record: LogRecord): Uint8Array {
  const message: Init<typeof RecordSchema> = {
    origin: record.origin,
    incarnation: toIncarnation(record.incarnation, 'Record.incarnation'),
    seq: toUint64(record.seq, 'Record.seq'),
    timeMs: BigInt(record.timeMs),
    covered:
      record.covered === undefined
        ? undefined
        : { number: toUint64(record.covered.number, 'Record.covered'), parts: record.covered.parts },
    body: writeBody(record.body),
  }
  return toBinary(RecordSchema, create(RecordSchema, message))
}

/**
 * Reads one record; undefined for a kind that a newer version wrote.
 *
 * @throws AbsgdError 'protocol' when the bytes are no record or break a range.
 */
export function decodeRecord(bytes: Uint8Array): LogRecord | undefined {
  const message = parse(bytes)
  const body = readBody(message.body, createArena(bytes.length))
  if (body === undefined) return undefined
  if (message.origin === '') throw violation('Record.origin', 'is empty')
  if (message.seq === 0n) throw violation('Record.seq', 'is 0; it counts from 1')
  return {
    origin: message.origin,
    incarnation: fromIncarnation(message.incarnation),
    seq: fromUint64(message.seq, 'Record.seq'),
    timeMs: fromInt64(message.timeMs, 'Record.time_ms'),
    ...(message.covered === undefined ? {} : { covered: readCovered(message.covered) }),
    body,
  }
}

function readCovered({ number, parts }: NonNullable<WireRecord['covered']>): Covered {
  return { number: fromUint64(number, 'Record.covered'), parts }
}

function parse(bytes: Uint8Array): WireRecord {
  try {
    return fromBinary(RecordSchema, bytes, { readUnknownFields: false })
  } catch (error) {
    throw toAbsgdError(error, 'protocol')
  }
}

function readBody(body: WireRecord['body'], arena: Arena): Body | undefined {
  switch (body.case) {
    case undefined:
      return undefined
    case 'stepBatch':
      return report.readStepBatch(body.value, arena)
    case 'sampleBatch':
      return report.readSampleBatch(body.value, arena)
    case 'evaluation':
      return report.readEvaluation(body.value, arena)
    case 'sampleInfo':
      return report.readSampleInfo(body.value, arena)
    case 'samplePredictions':
      return report.readSamplePredictions(body.value, arena)
    case 'checkpointWritten':
      return readCheckpointWritten(body.value)
    case 'gap':
      return report.readGap(body.value)
    case 'plan':
      return readPlan(body.value, arena)
    case 'planAck':
      return readPlanAck(body.value)
    case 'controllerStarted': {
      const { version, pid, manifestJson } = body.value
      return { type: 'controller-started', version, pid, manifestJson }
    }
    case 'workerJoined': {
      const { leaseEpoch, attempt } = body.value
      const hello = session.readHello(required(body.value.hello, 'WorkerJoined.hello'))
      const runSteps = fromUint64(body.value.runSteps, 'WorkerJoined.run_steps')
      return { type: 'worker-joined', hello, leaseEpoch, attempt, runSteps }
    }
    case 'workerLeft': {
      const { exitCode, signal, lastLines } = body.value
      return {
        type: 'worker-left',
        exitCode,
        signal,
        lastLines,
        position: session.readPosition(body.value.position),
      }
    }
    case 'progress':
      return session.readProgress(body.value)
    case 'requested': {
      const request = readRequest(required(body.value.request, 'Requested.request'))
      return { type: 'requested', request, position: session.readPosition(body.value.position) }
    }
    case 'settled':
      return { type: 'settled', result: readRequestResult(required(body.value.result, 'Settled.result')) }
    case 'rewind': {
      const { attempt, cause } = body.value
      return { type: 'rewind', attempt, toStep: fromUint64(body.value.toStep, 'Rewind.to_step'), cause }
    }
    case 'note': {
      const level = readWord(noteLevels, body.value.level, 'Note.level')
      return {
        type: 'note',
        level,
        text: body.value.text,
        position: session.readPosition(body.value.position),
      }
    }
    case 'summary':
      return { type: 'summary', values: readValues(body.value.values, 'Summary.values') }
    case 'runEnded': {
      const { reason, detail } = body.value
      const status = readWord(runStatuses, body.value.status, 'RunEnded.status')
      return {
        type: 'run-ended',
        status,
        reason,
        detail,
        position: session.readPosition(body.value.position),
      }
    }
    case 'bye':
      return session.readBye(body.value)
    case 'edited':
      return readEdited(body.value)
    case 'decided':
      return readDecided(body.value)
    default:
      return body satisfies never
  }
}

function writeBody(body: Body): Init<typeof RecordSchema>['body'] {
  switch (body.type) {
    case 'step-batch':
      return { case: 'stepBatch', value: report.writeStepBatch(body) }
    case 'sample-batch':
      return { case: 'sampleBatch', value: report.writeSampleBatch(body) }
    case 'evaluation':
      return { case: 'evaluation', value: report.writeEvaluation(body) }
    case 'sample-info':
      return { case: 'sampleInfo', value: report.writeSampleInfo(body) }
    case 'sample-predictions':
      return { case: 'samplePredictions', value: report.writeSamplePredictions(body) }
    case 'checkpoint-written':
      return { case: 'checkpointWritten', value: writeCheckpointWritten(body) }
    case 'gap':
      return { case: 'gap', value: report.writeGap(body) }
    case 'plan':
      return { case: 'plan', value: writePlan(body) }
    case 'plan-ack':
      return { case: 'planAck', value: writePlanAck(body) }
    case 'controller-started': {
      const { version, pid, manifestJson } = body
      return { case: 'controllerStarted', value: { version, pid, manifestJson } }
    }
    case 'worker-joined': {
      const { leaseEpoch, attempt } = body
      const runSteps = toUint64(body.runSteps, 'WorkerJoined.run_steps')
      return {
        case: 'workerJoined',
        value: { hello: session.writeHello(body.hello), leaseEpoch, attempt, runSteps },
      }
    }
    case 'worker-left': {
      const { exitCode, signal, lastLines } = body
      return {
        case: 'workerLeft',
        value: { exitCode, signal, lastLines, position: session.writePosition(body.position) },
      }
    }
    case 'progress':
      return { case: 'progress', value: session.writeProgress(body) }
    case 'requested': {
      const position = session.writePosition(body.position)
      return { case: 'requested', value: { request: writeRequest(body.request), position } }
    }
    case 'settled':
      return { case: 'settled', value: { result: writeRequestResult(body.result) } }
    case 'rewind': {
      const { attempt, cause } = body
      return { case: 'rewind', value: { attempt, toStep: toUint64(body.toStep, 'Rewind.to_step'), cause } }
    }
    case 'note': {
      const level = writeWord(noteLevels, body.level)
      return {
        case: 'note',
        value: { level, text: body.text, position: session.writePosition(body.position) },
      }
    }
    case 'summary':
      return { case: 'summary', value: { values: writeValues(body.values) } }
    case 'run-ended': {
      const { reason, detail } = body
      const status = writeWord(runStatuses, body.status)
      return {
        case: 'runEnded',
        value: { status, reason, detail, position: session.writePosition(body.position) },
      }
    }
    case 'bye':
      return { case: 'bye', value: session.writeBye(body) }
    case 'edited':
      return { case: 'edited', value: writeEdited(body) }
    case 'decided':
      return { case: 'decided', value: writeDecided(body) }
    default:
      return body satisfies never
  }
}

function readCheckpointWritten(written: WireCheckpointWritten): CheckpointWritten {
  const { path, sha256, deleted } = written
  return {
    type: 'checkpoint-written',
    position: session.readPosition(written.position),
    path,
    sha256,
    bytes: fromUint64(written.bytes, 'CheckpointWritten.bytes'),
    seconds: duration(written.seconds, 'CheckpointWritten.seconds'),
    deleted,
  }
}

function writeCheckpointWritten(written: CheckpointWritten): Init<typeof CheckpointWrittenSchema> {
  return {
    position: session.writePosition(written.position),
    path: written.path,
    sha256: written.sha256,
    bytes: toUint64(written.bytes, 'CheckpointWritten.bytes'),
    seconds: written.seconds,
    deleted: [...written.deleted],
  }
}

function required<T>(value: T | undefined, field: string): T {
  if (value === undefined) throw violation(field, 'is missing')
  return value
}
