/** Session messages: Hello, Welcome, Reject, Progress and Bye. */
import type { Acked, Bye, Hello, Position, Progress } from '../../record/record.js'
import type {
  Acked as WireAcked,
  AckedSchema,
  Bye as WireBye,
  ByeSchema,
  Hello as WireHello,
  HelloSchema,
  OperatorHello as WireOperatorHello,
  OperatorHelloSchema,
  OperatorWelcome as WireOperatorWelcome,
  OperatorWelcomeSchema,
  Progress as WireProgress,
  ProgressSchema,
  Reject as WireReject,
  RejectSchema,
  Welcome as WireWelcome,
  WeightingSchema,
  Weighting as WireWeighting,
  WelcomeSchema,
} from '../gen/absgd/v1/session_pb.js'
import type { Position as WirePosition, PositionSchema } from '../gen/absgd/v1/common_pb.js'
import { DEFAULT_WEIGHTING, type WeightingRule } from '../../record/weighting-rule.js'
import type { OperatorHello, OperatorWelcome, Reject, Welcome } from '../message.js'
import { byeReasons, phases, readWord, rejectCodes, roles, weightingPresets, writeWord } from './enums.js'
import type { Init } from './init.js'
import { readValues, uniquely, writeValues } from './named.js'
import { duration, fromIncarnation, fromUint64, toIncarnation, toUint64, violation } from './numbers.js'

/** A Hello introduces a worker, or an operator of protocol 1.2 or before. */
export function readIntroduction(hello: WireHello): Hello | OperatorHello {
  const { protocolMajor, protocolMinor, run } = hello
  const role = readWord(roles, hello.role, 'Hello.role')
  if (role === 'worker') return readHello(hello)
  const name = peerName(hello.peer, 'Hello.peer')
  return { type: 'operator-hello', protocolMajor, protocolMinor, run, name }
}

export function readOperatorHello({
  protocolMajor,
  protocolMinor,
  run,
  name,
}: WireOperatorHello): OperatorHello {
  return {
    type: 'operator-hello',
    protocolMajor,
    protocolMinor,
    run,
    name: peerName(name, 'OperatorHello.name'),
  }
}

export function writeOperatorHello({
  protocolMajor,
  protocolMinor,
  run,
  name,
}: OperatorHello): Init<typeof OperatorHelloSchema> {
  return { protocolMajor, protocolMinor, run, name }
}

export function readOperatorWelcome({
  run,
  protocolMajor,
  protocolMinor,
}: WireOperatorWelcome): OperatorWelcome {
  return { type: 'operator-welcome', run, protocolMajor, protocolMinor }
}

export function writeOperatorWelcome({
  run,
  protocolMajor,
  protocolMinor,
}: OperatorWelcome): Init<typeof OperatorWelcomeSchema> {
  return { run, protocolMajor, protocolMinor }
}

/** The Hello of a worker. */
export function readHello(hello: WireHello): Hello {
  return {
    type: 'hello',
    protocolMajor: hello.protocolMajor,
    protocolMinor: hello.protocolMinor,
    run: hello.run,
    peer: peerName(hello.peer, 'Hello.peer'),
    incarnation: fromIncarnation(hello.incarnation),
    pid: hello.pid,
    stepsPerEpoch: fromUint64(hello.stepsPerEpoch, 'Hello.steps_per_epoch'),
    datasetSize: fromUint64(hello.datasetSize, 'Hello.dataset_size'),
    numClasses: hello.numClasses,
    position: readPosition(hello.position),
    plannedThrough: fromUint64(hello.plannedThrough, 'Hello.planned_through'),
    versions: uniquely(
      hello.versions.map(({ name, version }) => [name, version]),
      'Hello.versions',
    ),
    device: hello.device,
    initial: readValues(hello.initial, 'Hello.initial'),
    batchSize: hello.batchSize,
    ...(hello.forgotten === undefined ? {} : { forgotten: readAcked(hello.forgotten) }),
    ...(hello.courierPid === 0 ? {} : { courierPid: hello.courierPid }),
  }
}

export function writeHello(hello: Hello): Init<typeof HelloSchema> {
  return {
    protocolMajor: hello.protocolMajor,
    protocolMinor: hello.protocolMinor,
    role: writeWord(roles, 'worker'),
    run: hello.run,
    peer: hello.peer,
    incarnation: toIncarnation(hello.incarnation, 'Hello.incarnation'),
    pid: hello.pid,
    stepsPerEpoch: toUint64(hello.stepsPerEpoch, 'Hello.steps_per_epoch'),
    datasetSize: toUint64(hello.datasetSize, 'Hello.dataset_size'),
    numClasses: hello.numClasses,
    position: writePosition(hello.position),
    plannedThrough: toUint64(hello.plannedThrough, 'Hello.planned_through'),
    versions: Object.entries(hello.versions).map(([name, version]) => ({ name, version })),
    device: hello.device,
    initial: writeValues(hello.initial),
    batchSize: hello.batchSize,
    forgotten: hello.forgotten === undefined ? undefined : writeAcked(hello.forgotten),
    courierPid: hello.courierPid ?? 0,
  }
}

export function readWelcome(welcome: WireWelcome): Welcome {
  return {
    type: 'welcome',
    run: welcome.run,
    attempt: welcome.attempt,
    leaseEpoch: welcome.leaseEpoch,
    paramsJson: welcome.paramsJson,
    acked: readAcked(welcome.acked),
    sampleEvery: welcome.samples?.every ?? 0,
    sampleQuotaBytes: fromUint64(welcome.sampleQuotaBytes, 'Welcome.sample_quota_bytes'),
    orphanLimitSeconds: duration(welcome.orphanLimitSeconds, 'Welcome.orphan_limit_seconds'),
    keepCheckpoints: welcome.keepCheckpoints,
    restorePath: welcome.restorePath,
    restoreSha256: welcome.restoreSha256,
    runSteps: fromUint64(welcome.runSteps, 'Welcome.run_steps'),
    weighting: readWeighting(welcome.weighting),
  }
}

export function writeWelcome(welcome: Welcome): Init<typeof WelcomeSchema> {
  return {
    run: welcome.run,
    attempt: welcome.attempt,
    leaseEpoch: welcome.leaseEpoch,
    paramsJson: welcome.paramsJson,
    acked: writeAcked(welcome.acked),
    samples: { every: welcome.sampleEvery },
    sampleQuotaBytes: toUint64(welcome.sampleQuotaBytes, 'Welcome.sample_quota_bytes'),
    orphanLimitSeconds: welcome.orphanLimitSeconds,
    keepCheckpoints: welcome.keepCheckpoints,
    restorePath: welcome.restorePath,
    restoreSha256: welcome.restoreSha256,
    runSteps: toUint64(welcome.runSteps, 'Welcome.run_steps'),
    weighting: writeWeighting(welcome.weighting),
  }
}

/** Absent in messages of controllers that know only the default rule. */
function readWeighting(weighting: WireWeighting | undefined): WeightingRule {
  if (weighting === undefined) return DEFAULT_WEIGHTING
  const { alpha, floor } = weighting
  const preset = readWord(weightingPresets, weighting.preset, 'Weighting.preset')
  if (preset !== 'reference') return { preset }
  if (alpha > 0 && alpha < Infinity) return { preset, alpha, floor }
  throw violation('Weighting.alpha', `is ${alpha}; it must be finite and above 0`)
}

function writeWeighting(rule: WeightingRule): Init<typeof WeightingSchema> {
  const preset = writeWord(weightingPresets, rule.preset)
  const { alpha, floor } = rule.preset === 'reference' ? rule : { alpha: 0, floor: false }
  return { preset, alpha, floor }
}

export function readReject({ code, hint }: WireReject): Reject {
  return { type: 'reject', code: readWord(rejectCodes, code, 'Reject.code'), hint }
}

export function writeReject({ code, hint }: Reject): Init<typeof RejectSchema> {
  return { code: writeWord(rejectCodes, code), hint }
}

export function readProgress(progress: WireProgress): Progress {
  return {
    type: 'progress',
    leaseEpoch: progress.leaseEpoch,
    position: readPosition(progress.position),
    phase: readWord(phases, progress.phase, 'Progress.phase'),
    waits: fromUint64(progress.waits, 'Progress.waits'),
    waitedSeconds: duration(progress.waitedSeconds, 'Progress.waited_seconds'),
  }
}

export function writeProgress(progress: Progress): Init<typeof ProgressSchema> {
  return {
    leaseEpoch: progress.leaseEpoch,
    position: writePosition(progress.position),
    phase: writeWord(phases, progress.phase),
    waits: toUint64(progress.waits, 'Progress.waits'),
    waitedSeconds: progress.waitedSeconds,
  }
}

export function readBye(bye: WireBye): Bye {
  return {
    type: 'bye',
    leaseEpoch: bye.leaseEpoch,
    reason: readWord(byeReasons, bye.reason, 'Bye.reason'),
    position: readPosition(bye.position),
    message: bye.message,
    traceback: bye.traceback,
    sent: readAcked(bye.sent),
  }
}

export function writeBye(bye: Bye): Init<typeof ByeSchema> {
  return {
    leaseEpoch: bye.leaseEpoch,
    reason: writeWord(byeReasons, bye.reason),
    position: writePosition(bye.position),
    message: bye.message,
    traceback: bye.traceback,
    sent: writeAcked(bye.sent),
  }
}

/** An absent position is that of the beginning. */
export function readPosition(position: WirePosition | undefined): Position {
  if (position === undefined) return { attempt: 0, step: 0 }
  return { attempt: position.attempt, step: fromUint64(position.step, 'Position.step') }
}

export function writePosition({ attempt, step }: Position): Init<typeof PositionSchema> {
  return { attempt, step: toUint64(step, 'Position.step') }
}

/** Absent if nothing is acknowledged. */
export function readAcked(acked: WireAcked | undefined): Acked {
  if (acked === undefined) return { steps: 0, samples: 0 }
  return {
    steps: fromUint64(acked.steps, 'Acked.steps'),
    samples: fromUint64(acked.samples, 'Acked.samples'),
  }
}

export function writeAcked({ steps, samples }: Acked): Init<typeof AckedSchema> {
  return { steps: toUint64(steps, 'Acked.steps'), samples: toUint64(samples, 'Acked.samples') }
}

function peerName(name: string, field: string): string {
  if (PEER_NAME.test(name)) return name
  throw violation(field, `is "${name}"; it must be 1 to 64 characters of a-z 0-9 . _ -`)
}

const PEER_NAME = /^[a-z0-9._-]{1,64}$/
