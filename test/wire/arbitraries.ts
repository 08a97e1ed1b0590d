/** Messages and records at random, all of them within the contract. */
import fc from 'fast-check'
import type { Action, Body, Hello, LogRecord } from '../../src/record/record.js'
import type { WeightingRule } from '../../src/record/weighting-rule.js'
import type { ToController, ToPeer } from '../../src/wire/message.js'
import { edits, setAction } from './edit-arbitraries.js'
import {
  columns,
  f32,
  f64,
  integer,
  maybe,
  name,
  position,
  probabilities,
  text,
  type,
  u32,
  uint32,
} from './value-arbitraries.js'
import { balancedWeighing, stepSamples } from './weighing-arbitraries.js'

const seconds = fc.double({ min: 0, max: 1e9, noNaN: true })
const incarnation = fc
  .bigInt({ min: 0n, max: 2n ** 64n - 1n })
  .map((value) => value.toString(16).padStart(16, '0'))
const acked = fc.record({ steps: integer, samples: integer })
const values = fc.dictionary(name, fc.double(), { maxKeys: 4 })
const weighting: fc.Arbitrary<WeightingRule> = fc.oneof(
  fc.record({ preset: fc.constantFrom('default', 'paper') }),
  fc.record({
    preset: fc.constant('reference'),
    alpha: fc.double({ min: 0, minExcluded: true, max: Number.MAX_VALUE, noNaN: true }),
    floor: fc.boolean(),
  }),
)

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ type: fc.constantFrom('pause', 'resume', 'evaluate') }),
  fc.record({ type: type('undo'), all: type(true) }, { requiredKeys: ['type'] }),
  fc.record({ type: type('checkpoint'), automatic: type(true) }, { requiredKeys: ['type'] }),
  setAction,
  fc.record({ type: type('step-on'), steps: fc.integer({ min: 1 }) }),
  fc.record({ type: type('restore'), step: integer, path: text, sha256: text, attempt: uint32 }),
  fc.record({ type: type('stop'), checkpoint: fc.boolean() }),
)

const hello: fc.Arbitrary<Hello> = fc.record({
  type: type('hello'),
  protocolMajor: uint32,
  protocolMinor: uint32,
  run: text,
  peer: fc.stringMatching(/^[a-z0-9._-]{1,64}$/),
  incarnation,
  pid: uint32,
  stepsPerEpoch: integer,
  datasetSize: integer,
  numClasses: uint32,
  position,
  plannedThrough: integer,
  versions: fc.dictionary(name, text, { maxKeys: 4 }),
  device: text,
  initial: values,
  batchSize: uint32,
  forgotten: acked,
  courierPid: fc.integer({ min: 1, max: 0xffff_ffff }),
})

const progress = fc.record({
  type: type('progress'),
  leaseEpoch: uint32,
  position,
  phase: fc.constantFrom(
    'starting',
    'training',
    'paused',
    'waiting',
    'evaluating',
    'checkpointing',
    'ending',
  ),
  waits: integer,
  waitedSeconds: seconds,
})

const bye = fc.record({
  type: type('bye'),
  leaseEpoch: uint32,
  reason: fc.constantFrom('completed', 'stopped', 'failed', 'orphaned'),
  position,
  message: text,
  traceback: text,
  sent: acked,
})

const plan = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.nat()).chain(([count, firstStep]) =>
  fc.record({
    type: type('plan'),
    leaseEpoch: uint32,
    planSeq: integer,
    attempt: uint32,
    firstStep: fc.constant(firstStep),
    count: fc.constant(count),
    // Prefixed: the names that the contract knows have ranges of their own.
    columns: fc.dictionary(
      name.map((own) => `user.${own}`),
      fc.oneof(f64(1), f64(count)),
      { maxKeys: 3 },
    ),
    events: fc.array(
      fc.record({
        afterStep: fc.integer({ min: firstStep, max: firstStep + count - 1 }),
        kind: fc.constantFrom('evaluate', 'checkpoint'),
      }),
      { maxLength: 3 },
    ),
    runSteps: integer,
  }),
)

const planAck = fc.record({
  type: type('plan-ack'),
  leaseEpoch: uint32,
  planSeq: integer,
  attempt: uint32,
  effectiveFrom: integer,
})

const request = fc.record({ type: type('request'), id: name, by: text, why: text, action })
const requestResult = fc.record({
  type: type('request-result'),
  id: text,
  ok: fc.boolean(),
  step: integer,
  message: text,
})

export const toController: fc.Arbitrary<ToController> = fc.oneof(
  hello,
  progress,
  planAck,
  bye,
  request,
  fc.record({
    type: type('command-result'),
    leaseEpoch: uint32,
    id: name,
    ok: fc.boolean(),
    step: integer,
    message: text,
    follows: integer,
  }),
  fc.record({
    type: type('operator-hello'),
    protocolMajor: uint32,
    protocolMinor: uint32,
    run: text,
    name: fc.stringMatching(/^[a-z0-9._-]{1,64}$/),
  }),
)

export const toPeer: fc.Arbitrary<ToPeer> = fc.oneof(
  fc.record({
    type: type('welcome'),
    run: text,
    attempt: uint32,
    leaseEpoch: uint32,
    paramsJson: text,
    acked,
    sampleEvery: uint32,
    sampleQuotaBytes: integer,
    orphanLimitSeconds: seconds,
    keepCheckpoints: uint32,
    restorePath: text,
    restoreSha256: text,
    runSteps: integer,
    weighting,
  }),
  fc.record({ type: type('operator-welcome'), run: text, protocolMajor: uint32, protocolMinor: uint32 }),
  fc.record({
    type: type('reject'),
    code: fc.constantFrom('protocol', 'lease-held', 'wrong-run', 'no-lease', 'malformed'),
    hint: text,
  }),
  plan,
  fc.record({ type: type('command'), leaseEpoch: uint32, id: name, action }),
  fc.record({ type: type('telemetry-ack'), incarnation, acked }),
  requestResult,
  fc.record({ type: type('released') }),
)

const body: fc.Arbitrary<Body> = fc.oneof(
  fc.integer({ min: 1, max: 5 }).chain((count) =>
    fc
      .record({
        type: type('step-batch'),
        attempt: uint32,
        firstStep: integer,
        count: fc.constant(count),
        controls: columns(count),
        weighings: fc.uniqueArray(balancedWeighing(count), { maxLength: 2, selector: (entry) => entry.name }),
        metrics: columns(count),
        stepSeconds: f32(count),
        waits: integer,
      })
      .chain((batch) => fc.constantFrom(batch, { ...batch, withoutMain: true as const })),
  ),
  fc.record({ type: type('sample-batch'), attempt: uint32, steps: fc.array(stepSamples, { maxLength: 4 }) }),
  fc.nat({ max: 6 }).chain((count) => {
    const piece = { firstIndex: integer, count: fc.constant(count) }
    const ids = fc.oneof(fc.constant([]), fc.array(text, { minLength: count, maxLength: count }))
    const labels = u32(count)
    const labelProbabilities = fc.oneof(f32(0), probabilities(count))
    const at = { attempt: uint32, step: integer }
    return fc.oneof(
      fc.record({ type: type('sample-info'), ...piece, labels: maybe(count), trueLabels: maybe(count), ids }),
      fc.record({ type: type('sample-predictions'), ...at, ...piece, labels, labelProbabilities }),
    )
  }),
  fc.integer({ min: 1, max: 4 }).chain((classes) =>
    fc.record(
      {
        type: type('evaluation'),
        attempt: uint32,
        step: integer,
        split: text,
        metrics: values,
        confusion: fc.record({ classes: fc.constant(classes), counts: u32(classes ** 2) }),
        seconds,
      },
      { requiredKeys: ['type', 'attempt', 'step', 'split', 'metrics', 'seconds'] },
    ),
  ),
  fc.record({
    type: type('checkpoint-written'),
    position,
    path: text,
    sha256: text,
    bytes: integer,
    seconds,
    deleted: fc.array(text, { maxLength: 3 }),
  }),
  fc.record({
    type: type('gap'),
    attempt: uint32,
    firstStep: integer,
    reason: fc.constantFrom('quota', 'spool', 'size'),
  }),
  ...edits,
  plan,
  planAck,
  progress,
  bye,
  fc.record({ type: type('controller-started'), version: text, pid: uint32, manifestJson: text }),
  fc.record({ type: type('worker-joined'), hello, leaseEpoch: uint32, attempt: uint32, runSteps: integer }),
  fc.record({
    type: type('worker-left'),
    exitCode: fc.option(fc.integer(), { nil: undefined }),
    signal: text,
    lastLines: text,
    position,
  }),
  fc.record({ type: type('requested'), request, position }),
  fc.record({ type: type('settled'), result: requestResult }),
  fc.record({ type: type('rewind'), attempt: uint32, toStep: integer, cause: text }),
  fc.record({ type: type('note'), level: fc.constantFrom('info', 'warning'), text, position }),
  fc.record({ type: type('summary'), values }),
  fc.record({
    type: type('run-ended'),
    status: fc.constantFrom('completed', 'stopped', 'failed', 'resumable', 'interrupted'),
    reason: text,
    detail: text,
    position,
  }),
)

export const logRecord: fc.Arbitrary<LogRecord> = fc.record({
  origin: name,
  incarnation,
  seq: fc.integer({ min: 1 }),
  timeMs: fc.integer(),
  body,
})
