/** A controller's pure half, driven by hand. */
import { compileEdit, requireInRange } from '../../src/experiment/controls/compile-edit.js'
import {
  initialState,
  type ControllerContext,
  type ControllerEvent,
  type ControllerState,
  type Effect,
} from '../../src/controller/state/state.js'
import { transition } from '../../src/controller/decisions/transition.js'
import type { Body, CheckpointWritten, Hello, StepBatch } from '../../src/record/record.js'
import type { ToController, ToPeer } from '../../src/wire/message.js'

export const context: ControllerContext = {
  run: 'try-1',
  paramsJson: '{}',
  worker: 'task',
  sampleEvery: 1,
  sampleQuotaLeft: () => 1e9,
  orphanLimitSeconds: 600,
  keepCheckpoints: 3,
  weighting: { preset: 'default' },
  guard: undefined,
  compile: ({ stepsPerEpoch }) => ({
    runSteps: stepsPerEpoch * 10,
    rows: (_first, count) => ({ lambda: new Float64Array(count).fill(2) }),
    events: () => [],
    warnings: ['beware'],
  }),
  compileEdit,
  requireInRange,
}

export function hello(overrides: Partial<Hello> = {}): Hello {
  return {
    type: 'hello',
    protocolMajor: 1,
    protocolMinor: 0,
    run: 'try-1',
    peer: 'worker-0',
    incarnation: 'a'.repeat(16),
    pid: 7,
    stepsPerEpoch: 20,
    datasetSize: 640,
    numClasses: 10,
    position: { attempt: 0, step: 0 },
    plannedThrough: 0,
    versions: {},
    device: 'cpu',
    initial: {},
    batchSize: 32,
    ...overrides,
  }
}

export function stepBatch(firstStep: number, count: number, attempt = 1): StepBatch {
  return {
    type: 'step-batch',
    attempt,
    firstStep,
    count,
    controls: {},
    weighings: [],
    metrics: {},
    stepSeconds: new Float32Array(count),
    waits: 0,
  }
}

const WORKER = { origin: 'worker-0', incarnation: 'a'.repeat(16), stream: 'steps' } as const

/** Feeds events and collects what they caused. */
export function drive(initial: ControllerState = initialState(), using: ControllerContext = context) {
  let state = initial
  let seq = 0
  const act = (event: ControllerEvent): readonly Effect[] => {
    const next = transition(state, event, using)
    state = next.state
    return next.effects
  }
  return {
    state: () => state,
    act,
    message: (message: ToController, peer = 'p1', nowMs = 0) =>
      act({ type: 'message', peer, message, nowMs }),
    telemetry: (body: Body, nowMs = 0) =>
      act({ type: 'telemetry', name: { ...WORKER, seq: ++seq }, body, nowMs }),
    durable: () => act({ type: 'durable', received: state.received }),
  }
}

export function sent(effects: readonly Effect[]): ToPeer[] {
  return effects.flatMap((effect) => (effect.type === 'send' ? [effect.message] : []))
}

export function appended(effects: readonly Effect[]): Body[] {
  return effects.flatMap((effect) => (effect.type === 'append' ? [effect.body] : []))
}

export const checkpoint = (step: number, path = `checkpoints/${step}`): CheckpointWritten => ({
  type: 'checkpoint-written',
  position: { attempt: 1, step },
  path,
  sha256: 'f'.repeat(64),
  bytes: 1,
  seconds: 0,
  deleted: [],
})
