import { actions, at, operatorActions, hello, helloJson, type Vector } from './vector.js'

const phases = ['starting', 'training', 'paused', 'waiting', 'evaluating', 'checkpointing', 'ending'] as const
const byeReasons = ['completed', 'stopped', 'failed', 'orphaned', 'lost'] as const

const { forgotten: _none, courierPid: _no, ...unknowing } = hello

export const toController: Vector[] = [
  { name: 'hello of a worker', type: 'ToController', value: hello, json: { hello: helloJson } },
  {
    name: 'hello of a worker, without optional facts',
    type: 'ToController',
    value: {
      ...unknowing,
      run: '',
      peer: 'cli',
      incarnation: 'ffffffffffffffff',
      pid: 0,
      stepsPerEpoch: 0,
      datasetSize: 0,
      numClasses: 0,
      position: { attempt: 0, step: 0 },
      plannedThrough: 0,
      versions: {},
      device: '',
      initial: {},
      batchSize: 0,
    },
    json: {
      hello: {
        protocol_major: 1,
        protocol_minor: 3,
        role: 'ROLE_WORKER',
        peer: 'cli',
        incarnation: '18446744073709551615',
        position: {},
      },
    },
  },
  {
    name: 'hello of an operator of protocol 1.2',
    type: 'ToController',
    isFormer: true,
    value: { type: 'operator-hello', protocolMajor: 1, protocolMinor: 2, run: 'digits-1', name: 'cli' },
    json: {
      hello: {
        protocol_major: 1,
        protocol_minor: 2,
        role: 'ROLE_OPERATOR',
        run: 'digits-1',
        peer: 'cli',
        incarnation: '7',
        pid: 99,
        position: {},
      },
    },
  },
  {
    name: 'hello of an operator',
    type: 'ToController',
    value: { type: 'operator-hello', protocolMajor: 1, protocolMinor: 3, run: 'digits-1', name: 'cockpit' },
    json: {
      operator_hello: { protocol_major: 1, protocol_minor: 3, run: 'digits-1', name: 'cockpit' },
    },
  },
  ...phases.map((phase): Vector => ({
    name: `progress, ${phase}`,
    type: 'ToController',
    value: { type: 'progress', leaseEpoch: 2, position: at, phase, waits: 3, waitedSeconds: 0.5 },
    json: {
      progress: {
        lease_epoch: 2,
        position: at,
        phase: `PHASE_${phase.toUpperCase()}`,
        waits: 3,
        waited_seconds: 0.5,
      },
    },
  })),
  {
    name: 'plan acknowledged',
    type: 'ToController',
    value: { type: 'plan-ack', leaseEpoch: 2, planSeq: 7, attempt: 1, effectiveFrom: 130 },
    json: { plan_ack: { lease_epoch: 2, plan_seq: 7, attempt: 1, effective_from: 130 } },
  },
  {
    name: 'command done, by a worker of protocol 1.2',
    type: 'ToController',
    value: { type: 'command-result', leaseEpoch: 2, id: 'c-1', ok: true, step: 128, message: '' },
    json: { command_result: { lease_epoch: 2, id: 'c-1', ok: true, step: 128 } },
  },
  ...[0, 41].map((follows): Vector => ({
    name: `command done after ${follows} records`,
    type: 'ToController',
    value: { type: 'command-result', leaseEpoch: 2, id: 'c-1', ok: true, step: 128, message: '', follows },
    json: { command_result: { lease_epoch: 2, id: 'c-1', ok: true, step: 128, follows } },
  })),
  {
    name: 'command refused',
    type: 'ToController',
    value: {
      type: 'command-result',
      leaseEpoch: 2,
      id: 'c-1',
      ok: false,
      step: 128,
      message: 'it is not paused',
    },
    json: { command_result: { lease_epoch: 2, id: 'c-1', step: 128, message: 'it is not paused' } },
  },
  ...byeReasons.map((reason): Vector => ({
    name: `bye, ${reason}`,
    type: 'ToController',
    value: {
      type: 'bye',
      leaseEpoch: 2,
      reason,
      position: at,
      message: 'ValueError: λ ≠ 0',
      traceback: 'Traceback (most recent call last):\n  …',
      sent: { steps: 9, samples: 4 },
    },
    json: {
      bye: {
        lease_epoch: 2,
        reason: `BYE_REASON_${reason.toUpperCase()}`,
        position: at,
        message: 'ValueError: λ ≠ 0',
        traceback: 'Traceback (most recent call last):\n  …',
        sent: { steps: 9, samples: 4 },
      },
    },
  })),
  ...[...actions, ...operatorActions].map(({ words, action, json }): Vector => ({
    name: `request: ${words}`,
    type: 'ToController',
    value: { type: 'request', id: 'r-1', by: 'cli', why: 'Überlauf 🙂', action },
    json: { request: { id: 'r-1', by: 'cli', why: 'Überlauf 🙂', action: json } },
  })),
]
