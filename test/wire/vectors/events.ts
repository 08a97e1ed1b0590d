import { at, hello, helloJson, type BodyVector } from './vector.js'

const statuses = ['completed', 'stopped', 'failed', 'resumable', 'interrupted'] as const
const request = { type: 'request', id: 'r-1', by: 'cockpit', why: '', action: { type: 'pause' } } as const

/** What happened to a run. */
export const events: BodyVector[] = [
  {
    name: 'checkpoint written',
    body: {
      type: 'checkpoint-written',
      position: at,
      path: 'checkpoints/000000128.pt',
      sha256: 'cd34',
      bytes: 5_000_000_000,
      seconds: 1.5,
      deleted: ['checkpoints/000000064.pt'],
    },
    json: {
      checkpoint_written: {
        position: at,
        path: 'checkpoints/000000128.pt',
        sha256: 'cd34',
        bytes: 5_000_000_000,
        seconds: 1.5,
        deleted: ['checkpoints/000000064.pt'],
      },
    },
  },
  ...(['quota', 'spool', 'size'] as const).map((reason) => ({
    name: `gap, ${reason}`,
    body: { type: 'gap', attempt: 1, firstStep: 200, reason } as const,
    json: { gap: { attempt: 1, first_step: 200, reason: `REASON_${reason.toUpperCase()}` } },
  })),
  {
    name: 'edited, a schedule',
    body: {
      type: 'edited',
      request: 'r-1',
      by: 'cli',
      position: at,
      control: 'lambda',
      to: { kind: 'schedule', text: 'off' },
      before: -2,
      after: Infinity,
    },
    json: {
      edited: {
        request: 'r-1',
        by: 'cli',
        position: at,
        control: 'lambda',
        schedule: 'off',
        before: -2,
        after: 'Infinity',
      },
    },
  },
  {
    name: 'edited, a factor',
    body: {
      type: 'edited',
      request: 'r-2',
      by: 'script',
      position: at,
      control: 'lr',
      to: { kind: 'factor', factor: 0.1 },
      before: 0.5,
      after: 0.05,
    },
    json: {
      edited: {
        request: 'r-2',
        by: 'script',
        position: at,
        control: 'lr',
        factor: 0.1,
        before: 0.5,
        after: 0.05,
      },
    },
  },
  {
    name: 'decided',
    body: {
      type: 'decided',
      control: 'lambda',
      position: at,
      value: -1.5,
      stateJson: '{"lambda":-1.5}',
      mark: '',
    },
    json: { decided: { control: 'lambda', position: at, value: -1.5, state_json: '{"lambda":-1.5}' } },
  },
  ...(['min', 'max'] as const).map((saturated) => ({
    name: `decided, held by its ${saturated}`,
    body: {
      type: 'decided',
      control: 'lambda',
      position: at,
      value: 20,
      stateJson: '',
      saturated,
      mark: 'held',
    } as const,
    json: {
      decided: {
        control: 'lambda',
        position: at,
        value: 20,
        saturated: `BOUND_${saturated.toUpperCase()}`,
        mark: 'held',
      },
    },
  })),
  {
    name: 'plan without columns',
    body: {
      type: 'plan',
      leaseEpoch: 1,
      planSeq: 1,
      attempt: 1,
      firstStep: 0,
      count: 262_144,
      columns: {},
      events: [],
      runSteps: 0,
    },
    json: { plan: { lease_epoch: 1, plan_seq: 1, attempt: 1, count: 262_144 } },
  },
  {
    name: 'plan acknowledged',
    body: { type: 'plan-ack', leaseEpoch: 1, planSeq: 1, attempt: 1, effectiveFrom: 0 },
    json: { plan_ack: { lease_epoch: 1, plan_seq: 1, attempt: 1 } },
  },
  {
    name: 'controller started',
    body: { type: 'controller-started', version: '0.1.0', pid: 77, manifestJson: '{"format":1}' },
    json: { controller_started: { version: '0.1.0', pid: 77, manifest_json: '{"format":1}' } },
  },
  {
    name: 'worker joined',
    body: { type: 'worker-joined', hello, leaseEpoch: 1, attempt: 2, runSteps: 960 },
    json: { worker_joined: { hello: helloJson, lease_epoch: 1, attempt: 2, run_steps: 960 } },
  },
  {
    name: 'worker left by a signal',
    body: {
      type: 'worker-left',
      exitCode: undefined,
      signal: 'SIGKILL',
      lastLines: 'Killed\n',
      position: at,
    },
    json: { worker_left: { signal: 'SIGKILL', last_lines: 'Killed\n', position: at } },
  },
  ...[0, -1].map((exitCode) => ({
    name: `worker left with exit code ${exitCode}`,
    body: { type: 'worker-left', exitCode, signal: '', lastLines: '', position: at } as const,
    json: { worker_left: { exit_code: exitCode, position: at } },
  })),
  {
    name: 'change of phase',
    body: { type: 'progress', leaseEpoch: 1, position: at, phase: 'evaluating', waits: 0, waitedSeconds: 0 },
    json: { progress: { lease_epoch: 1, position: at, phase: 'PHASE_EVALUATING' } },
  },
  {
    name: 'requested',
    body: { type: 'requested', request, position: at },
    json: { requested: { request: { id: 'r-1', by: 'cockpit', action: { pause: {} } }, position: at } },
  },
  {
    name: 'settled',
    body: {
      type: 'settled',
      result: { type: 'request-result', id: 'r-1', ok: true, step: 129, message: '' },
    },
    json: { settled: { result: { id: 'r-1', ok: true, step: 129 } } },
  },
  {
    name: 'rewind',
    body: { type: 'rewind', attempt: 2, toStep: 64, cause: 'restore' },
    json: { rewind: { attempt: 2, to_step: 64, cause: 'restore' } },
  },
  ...(['info', 'warning'] as const).map((level) => ({
    name: `note, ${level}`,
    body: { type: 'note', level, text: 'λ < 0 → off', position: at } as const,
    json: { note: { level: `LEVEL_${level.toUpperCase()}`, text: 'λ < 0 → off', position: at } },
  })),
  {
    name: 'summary',
    body: { type: 'summary', values: { noise_auc: 0.9375, __proto__x: -Infinity } },
    json: {
      summary: {
        values: [
          { name: 'noise_auc', value: 0.9375 },
          { name: '__proto__x', value: '-Infinity' },
        ],
      },
    },
  },
  ...statuses.map((status) => ({
    name: `run ended, ${status}`,
    body: { type: 'run-ended', status, reason: 'so it was', detail: 'last lines', position: at } as const,
    json: {
      run_ended: {
        status: `RUN_STATUS_${status.toUpperCase()}`,
        reason: 'so it was',
        detail: 'last lines',
        position: at,
      },
    },
  })),
  {
    name: 'bye',
    body: {
      type: 'bye',
      leaseEpoch: 1,
      reason: 'completed',
      position: at,
      message: '',
      traceback: '',
      sent: { steps: 0, samples: 0 },
    },
    json: { bye: { lease_epoch: 1, reason: 'BYE_REASON_COMPLETED', position: at, sent: {} } },
  },
]
