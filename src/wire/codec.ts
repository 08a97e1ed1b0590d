/**
 * Encodes and decodes messages and records. Only this file and `codec/` import the generated code. They refuse arrays of a wrong
 * length, unknown enumeration values, and values out of range.
 */
import { create, fromBinary, toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf'
import { toAbsgdError } from '../errors.js'
import { createArena } from './codec/arrays.js'
import * as command from './codec/command.js'
import type { Init } from './codec/init.js'
import { fromIncarnation, toIncarnation, violation } from './codec/numbers.js'
import { readPlan, readPlanAck, writePlan, writePlanAck } from './codec/plan.js'
import * as session from './codec/session.js'
import { ToControllerSchema, ToPeerSchema } from './gen/absgd/v1/envelope_pb.js'
import type { ToController, ToPeer } from './message.js'

export { decodeName } from './codec/name.js'
export { decodeRecord, encodeRecord } from './codec/record.js'

export function encodeToPeer(message: ToPeer): Uint8Array {
  return toBinary(ToPeerSchema, create(ToPeerSchema, { body: writeToPeer(message) }))
}

/** @throws AbsgdError 'protocol' for bytes that are not a message of this version. */
export function decodeToPeer(bytes: Uint8Array): ToPeer {
  return readToPeer(parse(ToPeerSchema, bytes), bytes.length)
}

export function encodeToController(message: ToController): Uint8Array {
  return toBinary(ToControllerSchema, create(ToControllerSchema, { body: writeToController(message) }))
}

/** @throws AbsgdError 'protocol' for bytes that are not a message of this version. */
export function decodeToController(bytes: Uint8Array): ToController {
  return readToController(parse(ToControllerSchema, bytes))
}

function readToPeer({ body }: MessageShape<typeof ToPeerSchema>, bytes: number): ToPeer {
  switch (body.case) {
    case undefined:
      throw violation('ToPeer.body', 'is missing, or of a newer version')
    case 'welcome':
      return session.readWelcome(body.value)
    case 'operatorWelcome':
      return session.readOperatorWelcome(body.value)
    case 'reject':
      return session.readReject(body.value)
    case 'plan':
      return readPlan(body.value, createArena(bytes))
    case 'command':
      return command.readCommand(body.value)
    case 'telemetryAck': {
      const { incarnation, acked } = body.value
      return {
        type: 'telemetry-ack',
        incarnation: fromIncarnation(incarnation),
        acked: session.readAcked(acked),
      }
    }
    case 'requestResult':
      return command.readRequestResult(body.value)
    case 'released':
      return { type: 'released' }
    default:
      return body satisfies never
  }
}

function writeToPeer(message: ToPeer): Init<typeof ToPeerSchema>['body'] {
  switch (message.type) {
    case 'welcome':
      return { case: 'welcome', value: session.writeWelcome(message) }
    case 'operator-welcome':
      return { case: 'operatorWelcome', value: session.writeOperatorWelcome(message) }
    case 'reject':
      return { case: 'reject', value: session.writeReject(message) }
    case 'plan':
      return { case: 'plan', value: writePlan(message) }
    case 'command':
      return { case: 'command', value: command.writeCommand(message) }
    case 'telemetry-ack': {
      const incarnation = toIncarnation(message.incarnation, 'TelemetryAck.incarnation')
      return { case: 'telemetryAck', value: { incarnation, acked: session.writeAcked(message.acked) } }
    }
    case 'request-result':
      return { case: 'requestResult', value: command.writeRequestResult(message) }
    case 'released':
      return { case: 'released', value: {} }
    default:
      return message satisfies never
  }
}

function readToController({ body }: MessageShape<typeof ToControllerSchema>): ToController {
  switch (body.case) {
    case undefined:
      throw violation('ToController.body', 'is missing, or of a newer version')
    case 'hello':
      return session.readIntroduction(body.value)
    case 'operatorHello':
      return session.readOperatorHello(body.value)
    case 'progress':
      return session.readProgress(body.value)
    case 'planAck':
      return readPlanAck(body.value)
    case 'commandResult':
      return command.readCommandResult(body.value)
    case 'bye':
      return session.readBye(body.value)
    case 'request':
      return command.readRequest(body.value)
    default:
      return body satisfies never
  }
}

function writeToController(message: ToController): Init<typeof ToControllerSchema>['body'] {
  switch (message.type) {
    case 'hello':
      return { case: 'hello', value: session.writeHello(message) }
    case 'operator-hello':
      return { case: 'operatorHello', value: session.writeOperatorHello(message) }
    case 'progress':
      return { case: 'progress', value: session.writeProgress(message) }
    case 'plan-ack':
      return { case: 'planAck', value: writePlanAck(message) }
    case 'command-result':
      return { case: 'commandResult', value: command.writeCommandResult(message) }
    case 'bye':
      return { case: 'bye', value: session.writeBye(message) }
    case 'request':
      return { case: 'request', value: command.writeRequest(message) }
    default:
      return message satisfies never
  }
}

function parse<Schema extends DescMessage>(schema: Schema, bytes: Uint8Array): MessageShape<Schema> {
  try {
    return fromBinary(schema, bytes, { readUnknownFields: false })
  } catch (error) {
    throw toAbsgdError(error, 'protocol')
  }
}
