import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { decodeRecord, decodeToController, decodeToPeer, encodeRecord } from '../../src/wire/codec.js'
import { ToControllerSchema, ToPeerSchema } from '../../src/wire/gen/absgd/v1/envelope_pb.js'
import type { PlanSchema } from '../../src/wire/gen/absgd/v1/plan_pb.js'
import { RecordSchema } from '../../src/wire/gen/absgd/v1/record_pb.js'
import type { Body, LogRecord } from '../../src/record/record.js'

type RecordBody = Exclude<MessageInitShape<typeof RecordSchema>['body'], undefined>

describe('what breaks the contract is refused by name', () => {
  const columns = (name: string, ...values: number[]) => [{ name, values: bytes(Float64Array.from(values)) }]
  const step = { attempt: 1, count: 1, stepSeconds: new Uint8Array(4) }
  const weighing = { ...zeros(1), name: 'loss' }

  test.each<[string, RecordBody, string]>([
    ['no steps', { case: 'stepBatch', value: { ...step, count: 0 } }, 'StepBatch.count is 0'],
    [
      'times of other steps',
      { case: 'stepBatch', value: { ...step, count: 2 } },
      'StepBatch.step_seconds has 4 bytes',
    ],
    [
      'a column too long',
      { case: 'stepBatch', value: { ...step, controls: columns('lr', 1, 2) } },
      'StepBatch.controls.lr has 16 bytes',
    ],
    [
      'a column twice',
      { case: 'stepBatch', value: { ...step, metrics: [...columns('a', 1), ...columns('a', 2)] } },
      'StepBatch.metrics has two entries of one name',
    ],
    [
      'a column without a name',
      { case: 'stepBatch', value: { ...step, metrics: columns('', 1) } },
      'StepBatch.metrics has an entry without a name',
    ],
    [
      'a weighing twice',
      { case: 'stepBatch', value: { ...step, weighings: [weighing, weighing] } },
      'StepBatch.weighings has two entries of one name',
    ],
    [
      'a statistic that is missing',
      { case: 'stepBatch', value: { ...step, weighings: [{ ...weighing, maxW: new Uint8Array() }] } },
      'Weighing.max_w has 0 bytes',
    ],
    [
      'a cap that does not exist',
      { case: 'stepBatch', value: { ...step, weighings: [{ ...weighing, capped: Uint8Array.of(2) }] } },
      'Weighing.capped holds 2',
    ],
    [
      'half a class',
      { case: 'stepBatch', value: { ...step, weighings: [{ ...weighing, classMass: new Uint8Array(6) }] } },
      'Weighing.class_mass has 6 bytes',
    ],
    [
      'more classes than are recorded',
      {
        case: 'stepBatch',
        value: { ...step, weighings: [{ ...weighing, classMass: new Uint8Array(4004) }] },
      },
      'Weighing.class_mass has 1001 classes',
    ],
    [
      'losses of another number of samples',
      {
        case: 'sampleBatch',
        value: { steps: [{ n: 2, losses: new Uint8Array(4), weights: new Uint8Array(8) }] },
      },
      'StepSamples.losses has 4 bytes',
    ],
    [
      'indices of some samples',
      {
        case: 'sampleBatch',
        value: {
          steps: [
            { n: 2, losses: new Uint8Array(8), weights: new Uint8Array(8), indices: new Uint8Array(4) },
          ],
        },
      },
      'StepSamples.indices has 4 bytes',
    ],
    [
      'ids of other samples',
      { case: 'sampleInfo', value: { count: 2, ids: ['a'] } },
      'SampleInfo.ids has 1 entries',
    ],
    [
      'predictions of other samples',
      { case: 'samplePredictions', value: { count: 2, labels: new Uint8Array(4) } },
      'SamplePredictions.labels has 4 bytes',
    ],
    [
      'a probability above 1',
      {
        case: 'samplePredictions',
        value: {
          count: 1,
          labels: new Uint8Array(4),
          labelProbabilities: new Uint8Array(Float32Array.of(1.5).buffer),
        },
      },
      'SamplePredictions.label_probabilities holds 1.5; probabilities are from 0 to 1',
    ],
    [
      'a confusion matrix that is not square',
      { case: 'evaluation', value: { numClasses: 2, confusion: new Uint8Array(12) } },
      'Evaluation.confusion has 12 bytes',
    ],
    [
      'a confusion matrix of no classes',
      { case: 'evaluation', value: { confusion: new Uint8Array(4) } },
      'Evaluation.confusion has 4 bytes',
    ],
    ['a duration below 0', { case: 'evaluation', value: { seconds: -1 } }, 'Evaluation.seconds is -1'],
    [
      'a duration that is no number',
      { case: 'checkpointWritten', value: { seconds: NaN } },
      'seconds is NaN',
    ],
    ['an unset word', { case: 'gap', value: {} }, 'Gap.reason is 0'],
    [
      'a word of a newer version',
      { case: 'runEnded', value: { status: 99 as never } },
      'RunEnded.status is 99',
    ],
    [
      'a worker that joins without Hello',
      { case: 'workerJoined', value: {} },
      'WorkerJoined.hello is missing',
    ],
    ['a step beyond 2^53', { case: 'gap', value: { firstStep: 2n ** 53n + 1n, reason: 1 } }, '2^53'],
  ])('%s', (_, body, message) => {
    const wire = create(RecordSchema, { origin: 'worker-0', seq: 1n, body })
    expect(() => decodeRecord(toBinary(RecordSchema, wire))).toThrow(protocolError(message))
  })

  test.each<[string, MessageInitShape<typeof PlanSchema>, string]>([
    ['no rows', { count: 0 }, 'Plan.count is 0'],
    ['too many rows', { count: 262_145 }, 'Plan.count is 262145'],
    ['a column of some rows', { count: 3, columns: columns('x', 1, 2) }, 'Plan.columns.x has 16 bytes'],
    ['lambda = 0', { count: 1, columns: columns('lambda', 0) }, 'Plan.columns.lambda holds 0'],
    ['lambda = NaN', { count: 2, columns: columns('lambda', 1, NaN) }, 'Plan.columns.lambda holds NaN'],
    ['gamma = 0', { count: 1, columns: columns('gamma', 0) }, 'it must be in (0, 1]'],
    ['gamma above 1', { count: 1, columns: columns('gamma', 1.5) }, 'it must be in (0, 1]'],
    ['lr below 0', { count: 1, columns: columns('lr', -0.1) }, 'Plan.columns.lr holds -0.1'],
    ['lr without end', { count: 1, columns: columns('lr', Infinity) }, 'Plan.columns.lr holds Infinity'],
    ['momentum 1', { count: 1, columns: columns('momentum', 1) }, 'it must be in [0, 1)'],
    [
      'weight_decay NaN',
      { count: 1, columns: columns('weight_decay', NaN) },
      'Plan.columns.weight_decay holds NaN',
    ],
    ['clip_norm 0', { count: 1, columns: columns('clip_norm', 0) }, 'it must be above 0'],
    [
      'an event before its rows',
      { count: 1, firstStep: 5n, events: [{ afterStep: 4n, kind: 1 }] },
      'from 5 to 5',
    ],
    [
      'an event behind its rows',
      { count: 1, firstStep: 5n, events: [{ afterStep: 6n, kind: 1 }] },
      'from 5 to 5',
    ],
    ['an event of no kind', { count: 1, events: [{}] }, 'PlanEvent.kind is 0'],
  ])('a plan with %s', (_, plan, message) => {
    const wire = create(ToPeerSchema, { body: { case: 'plan', value: plan } })
    expect(() => decodeToPeer(toBinary(ToPeerSchema, wire))).toThrow(protocolError(message))
  })

  test.each<[string, Exclude<MessageInitShape<typeof ToControllerSchema>['body'], undefined>, string]>([
    ['of no kind', { case: undefined }, 'ToController.body is missing'],
    [
      'from a peer with a bad name',
      { case: 'hello', value: { role: 1, peer: '../x' } },
      'Hello.peer is "../x"',
    ],
    [
      'from an operator with a bad name',
      { case: 'operatorHello', value: { name: 'A B' } },
      'OperatorHello.name is "A B"',
    ],
    ['from a peer without a role', { case: 'hello', value: { peer: 'x' } }, 'Hello.role is 0'],
    ['in no phase', { case: 'progress', value: {} }, 'Progress.phase is 0'],
    ['asking for nothing', { case: 'request', value: { id: 'a' } }, 'Action.kind is missing'],
    ['asking without an id', { case: 'request', value: {} }, 'Request.id is empty'],
    [
      'asking for no steps',
      { case: 'request', value: { id: 'a', action: { kind: { case: 'stepOn', value: {} } } } },
      'StepOn.steps is 0',
    ],
  ])('a message %s', (_, body, message) => {
    const wire = create(ToControllerSchema, { body })
    expect(() => decodeToController(toBinary(ToControllerSchema, wire))).toThrow(protocolError(message))
  })

  test('what cannot be said is refused where it is said', () => {
    const gap = { type: 'gap', attempt: 1, reason: 'quota' } as const
    expect(() => encodeRecord(record({ ...gap, firstStep: -1 }))).toThrow(
      protocolError('Gap.first_step is -1'),
    )
    expect(() => encodeRecord(record({ ...gap, firstStep: 0.5 }))).toThrow(
      protocolError('Gap.first_step is 0.5'),
    )
    expect(() => encodeRecord({ ...record({ ...gap, firstStep: 0 }), incarnation: 'A1' })).toThrow(
      protocolError('16 hex digits'),
    )
  })
})

function record(body: Body): LogRecord {
  return { origin: 'worker-0', incarnation: '00000000000000a1', seq: 1, timeMs: 0, body }
}

function zeros(count: number) {
  const [four, eight] = [new Uint8Array(4 * count), new Uint8Array(8 * count)]
  return {
    n: four,
    m: eight,
    sumW: eight,
    sumW2: eight,
    sumWl: eight,
    maxW: eight,
    meanLoss: eight,
    freeEnergy: eight,
    capped: new Uint8Array(count),
    nonFinite: four,
  }
}

function bytes(array: Float64Array): Uint8Array {
  return new Uint8Array(array.buffer)
}

function protocolError(message: string) {
  return expect.objectContaining({
    code: 'protocol',
    message: expect.stringContaining(message) as string,
  }) as Error
}
