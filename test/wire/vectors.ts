/**
 * The contract by example: each message once as protobuf JSON, written by hand, and once as the domain has it. Arrays are
 * written as `{ f64: [1, 'NaN'] }`, likewise f32, u32 and i8.
 */
import type { Body, Hello, LogRecord } from '../../src/record/record.js'
import type { ToController, ToPeer } from '../../src/wire/message.js'

export type Vector = { readonly name: string; readonly json: object } & (
  | { readonly type: 'ToController'; readonly value: ToController }
  | { readonly type: 'ToPeer'; readonly value: ToPeer }
  | { readonly type: 'Record'; readonly value: LogRecord }
)

const hello: Hello = {
  type: 'hello',
  protocolMajor: 1,
  protocolMinor: 3,
  role: 'worker',
  run: 'digits-1',
  peer: 'worker-0',
  incarnation: '0123456789abcdef',
  pid: 4_194_304,
  stepsPerEpoch: 16,
  datasetSize: 997,
  numClasses: 10,
  position: { attempt: 2, step: 31 },
  plannedThrough: 4096,
  versions: { python: '3.11.4', torch: '2.5.0+cpu' },
  device: 'cuda:0',
  initial: { lr: 0.1, momentum: 0.9 },
  batchSize: 64,
}

const helloJson = {
  protocol_major: 1,
  protocol_minor: 3,
  role: 'ROLE_WORKER',
  run: 'digits-1',
  peer: 'worker-0',
  incarnation: '81985529216486895',
  pid: 4_194_304,
  steps_per_epoch: 16,
  dataset_size: 997,
  num_classes: 10,
  position: { attempt: 2, step: 31 },
  planned_through: 4096,
  versions: [
    { name: 'python', version: '3.11.4' },
    { name: 'torch', version: '2.5.0+cpu' },
  ],
  device: 'cuda:0',
  initial: [
    { name: 'lr', value: 0.1 },
    { name: 'momentum', value: 0.9 },
  ],
  batch_size: 64,
}

const at = { attempt: 1, step: 128 }

const actions = [
  { words: 'pause', action: { type: 'pause' }, json: { pause: {} } },
  { words: 'resume', action: { type: 'resume' }, json: { resume: {} } },
  { words: 'step on', action: { type: 'step-on', steps: 5 }, json: { step_on: { steps: 5 } } },
  { words: 'checkpoint', action: { type: 'checkpoint' }, json: { checkpoint: {} } },
  {
    words: 'restore',
    action: { type: 'restore', step: 64, path: 'checkpoints/000000064.pt', sha256: 'ab12', attempt: 3 },
    json: { restore: { step: 64, path: 'checkpoints/000000064.pt', sha256: 'ab12', attempt: 3 } },
  },
  { words: 'evaluate', action: { type: 'evaluate' }, json: { evaluate: {} } },
  { words: 'stop with a checkpoint', action: { type: 'stop', checkpoint: true }, json: { stop: { checkpoint: true } } },
  { words: 'stop at once', action: { type: 'stop', checkpoint: false }, json: { stop: {} } },
] as const

const phases = ['starting', 'training', 'paused', 'waiting', 'evaluating', 'checkpointing', 'ending'] as const
const byeReasons = ['completed', 'stopped', 'failed', 'orphaned'] as const
const rejectCodes = ['protocol', 'lease-held', 'wrong-run', 'no-lease', 'malformed'] as const
const statuses = ['completed', 'stopped', 'failed', 'resumable', 'interrupted'] as const

const toController: Vector[] = [
  { name: 'hello of a worker', type: 'ToController', value: hello, json: { hello: helloJson } },
  {
    name: 'hello of an operator, as empty as can be',
    type: 'ToController',
    value: {
      ...hello,
      role: 'operator',
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
        role: 'ROLE_OPERATOR',
        peer: 'cli',
        incarnation: '18446744073709551615',
        position: {},
      },
    },
  },
  ...phases.map((phase): Vector => ({
    name: `progress, ${phase}`,
    type: 'ToController',
    value: { type: 'progress', leaseEpoch: 2, position: at, phase, waits: 3, waitedSeconds: 0.5 },
    json: {
      progress: { lease_epoch: 2, position: at, phase: `PHASE_${phase.toUpperCase()}`, waits: 3, waited_seconds: 0.5 },
    },
  })),
  {
    name: 'plan acknowledged',
    type: 'ToController',
    value: { type: 'plan-ack', leaseEpoch: 2, planSeq: 7, attempt: 1, effectiveFrom: 130 },
    json: { plan_ack: { lease_epoch: 2, plan_seq: 7, attempt: 1, effective_from: 130 } },
  },
  {
    name: 'command done',
    type: 'ToController',
    value: { type: 'command-result', leaseEpoch: 2, id: 'c-1', ok: true, step: 128, message: '' },
    json: { command_result: { lease_epoch: 2, id: 'c-1', ok: true, step: 128 } },
  },
  {
    name: 'command refused',
    type: 'ToController',
    value: { type: 'command-result', leaseEpoch: 2, id: 'c-1', ok: false, step: 128, message: 'it is not paused' },
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
  ...actions.map(({ words, action, json }): Vector => ({
    name: `request: ${words}`,
    type: 'ToController',
    value: { type: 'request', id: 'r-1', by: 'cli', why: 'Überlauf 🙂', action },
    json: { request: { id: 'r-1', by: 'cli', why: 'Überlauf 🙂', action: json } },
  })),
]

const toPeer: Vector[] = [
  {
    name: 'welcome with a checkpoint to restore',
    type: 'ToPeer',
    value: {
      type: 'welcome',
      run: 'digits-1',
      attempt: 2,
      leaseEpoch: 5,
      paramsJson: '{"seed":1}',
      acked: { steps: 12, samples: 6 },
      sampleEvery: 1,
      sampleQuotaBytes: 10_737_418_240,
      orphanLimitSeconds: 600,
      keepCheckpoints: 3,
      restorePath: 'checkpoints/000000064.pt',
      restoreSha256: 'ab12',
    },
    json: {
      welcome: {
        run: 'digits-1',
        attempt: 2,
        lease_epoch: 5,
        params_json: '{"seed":1}',
        acked: { steps: 12, samples: 6 },
        samples: { every: 1 },
        sample_quota_bytes: 10_737_418_240,
        orphan_limit_seconds: 600,
        keep_checkpoints: 3,
        restore_path: 'checkpoints/000000064.pt',
        restore_sha256: 'ab12',
      },
    },
  },
  ...rejectCodes.map((code): Vector => ({
    name: `reject, ${code}`,
    type: 'ToPeer',
    value: { type: 'reject', code, hint: 'say Hello again' },
    json: { reject: { code: `REJECT_CODE_${code.toUpperCase().replace('-', '_')}`, hint: 'say Hello again' } },
  })),
  {
    name: 'plan with columns of rows and of one value',
    type: 'ToPeer',
    value: {
      type: 'plan',
      leaseEpoch: 2,
      planSeq: 7,
      attempt: 1,
      firstStep: 128,
      count: 3,
      columns: {
        lambda: Float64Array.of(Infinity, -Infinity, -0.5),
        gamma: Float64Array.of(0.9),
        'head.beta': Float64Array.of(NaN, 0, 5e-324),
      },
      events: [
        { afterStep: 129, kind: 'evaluate' },
        { afterStep: 129, kind: 'checkpoint' },
      ],
      runSteps: 2 ** 53,
    },
    json: {
      plan: {
        lease_epoch: 2,
        plan_seq: 7,
        attempt: 1,
        first_step: 128,
        count: 3,
        columns: [
          { name: 'lambda', values: { f64: ['Infinity', '-Infinity', -0.5] } },
          { name: 'gamma', values: { f64: [0.9] } },
          { name: 'head.beta', values: { f64: ['NaN', 0, 5e-324] } },
        ],
        events: [
          { after_step: 129, kind: 'KIND_EVALUATE' },
          { after_step: 129, kind: 'KIND_CHECKPOINT' },
        ],
        run_steps: '9007199254740992',
      },
    },
  },
  ...actions.map(({ words, action, json }): Vector => ({
    name: `command: ${words}`,
    type: 'ToPeer',
    value: { type: 'command', leaseEpoch: 2, id: 'c-1', action },
    json: { command: { lease_epoch: 2, id: 'c-1', action: json } },
  })),
  {
    name: 'telemetry acknowledged',
    type: 'ToPeer',
    value: { type: 'telemetry-ack', incarnation: '00000000000000a1', acked: { steps: 2 ** 40, samples: 0 } },
    json: { telemetry_ack: { incarnation: '161', acked: { steps: 1_099_511_627_776 } } },
  },
  {
    name: 'request answered',
    type: 'ToPeer',
    value: { type: 'request-result', id: 'r-1', ok: true, step: 128, message: 'paused' },
    json: { request_result: { id: 'r-1', ok: true, step: 128, message: 'paused' } },
  },
  { name: 'released', type: 'ToPeer', value: { type: 'released' }, json: { released: {} } },
]

const request = { type: 'request', id: 'r-1', by: 'cockpit', why: '', action: { type: 'pause' } } as const

const bodies: { name: string; body: Body; json: object }[] = [
  {
    name: 'steps with two weighings',
    body: {
      type: 'step-batch',
      attempt: 1,
      firstStep: 128,
      count: 2,
      controls: { lambda: Float64Array.of(-2, Infinity), lr: Float64Array.of(0.1, 0.05) },
      weighings: [
        {
          name: 'loss',
          n: Uint32Array.of(128, 4_294_967_295),
          m: Float64Array.of(-1.5, NaN),
          sumW: Float64Array.of(0.97, 1),
          sumW2: Float64Array.of(0.02, 0.01),
          sumWL: Float64Array.of(1.25, 2.5),
          maxW: Float64Array.of(0.5, 0.0078125),
          meanLoss: Float64Array.of(2.25, Infinity),
          freeEnergy: Float64Array.of(1.75, NaN),
          capped: Int8Array.of(-1, 1),
          nonFinite: Uint32Array.of(0, 3),
          classMass: Float32Array.of(0.25, 0.5, 0.25, 1, 0, 0),
        },
        {
          name: 'aux',
          n: Uint32Array.of(8, 8),
          m: Float64Array.of(0.5, 0.25),
          sumW: Float64Array.of(1, 1),
          sumW2: Float64Array.of(0.125, 0.125),
          sumWL: Float64Array.of(0.5, 0.25),
          maxW: Float64Array.of(0.125, 0.125),
          meanLoss: Float64Array.of(0.5, 0.25),
          freeEnergy: Float64Array.of(0.5, 0.25),
          capped: Int8Array.of(0, 0),
          nonFinite: Uint32Array.of(0, 0),
          classMass: new Float32Array(),
        },
      ],
      metrics: { 'grad.norm': Float64Array.of(3.5, NaN) },
      stepSeconds: Float32Array.of(0.005, 0.25),
      waits: 1,
    },
    json: {
      step_batch: {
        attempt: 1,
        first_step: 128,
        count: 2,
        controls: [
          { name: 'lambda', values: { f64: [-2, 'Infinity'] } },
          { name: 'lr', values: { f64: [0.1, 0.05] } },
        ],
        weighings: [
          {
            name: 'loss',
            n: { u32: [128, 4_294_967_295] },
            m: { f64: [-1.5, 'NaN'] },
            sum_w: { f64: [0.97, 1] },
            sum_w2: { f64: [0.02, 0.01] },
            sum_wl: { f64: [1.25, 2.5] },
            max_w: { f64: [0.5, 0.0078125] },
            mean_loss: { f64: [2.25, 'Infinity'] },
            free_energy: { f64: [1.75, 'NaN'] },
            capped: { i8: [-1, 1] },
            non_finite: { u32: [0, 3] },
            class_mass: { f32: [0.25, 0.5, 0.25, 1, 0, 0] },
          },
          {
            name: 'aux',
            n: { u32: [8, 8] },
            m: { f64: [0.5, 0.25] },
            sum_w: { f64: [1, 1] },
            sum_w2: { f64: [0.125, 0.125] },
            sum_wl: { f64: [0.5, 0.25] },
            max_w: { f64: [0.125, 0.125] },
            mean_loss: { f64: [0.5, 0.25] },
            free_energy: { f64: [0.5, 0.25] },
            capped: { i8: [0, 0] },
            non_finite: { u32: [0, 0] },
          },
        ],
        metrics: [{ name: 'grad.norm', values: { f64: [3.5, 'NaN'] } }],
        step_seconds: { f32: [0.005, 0.25] },
        waits: 1,
      },
    },
  },
  {
    name: 'a step without weighings',
    body: {
      type: 'step-batch',
      attempt: 1,
      firstStep: 0,
      count: 1,
      controls: {},
      weighings: [],
      metrics: {},
      stepSeconds: Float32Array.of(1),
      waits: 0,
    },
    json: { step_batch: { attempt: 1, count: 1, step_seconds: { f32: [1] } } },
  },
  {
    name: 'samples with and without an index',
    body: {
      type: 'sample-batch',
      attempt: 1,
      steps: [
        {
          step: 128,
          losses: Float32Array.of(0.5, Infinity),
          weights: Float32Array.of(0.75, 0.25),
          indices: Uint32Array.of(17, 4_294_967_295),
          labels: new Uint32Array(),
          weighing: 'loss',
        },
        {
          step: 128,
          losses: Float32Array.of(0.125),
          weights: Float32Array.of(1),
          indices: new Uint32Array(),
          labels: Uint32Array.of(3),
          weighing: 'aux',
        },
      ],
    },
    json: {
      sample_batch: {
        attempt: 1,
        steps: [
          {
            step: 128,
            n: 2,
            losses: { f32: [0.5, 'Infinity'] },
            weights: { f32: [0.75, 0.25] },
            indices: { u32: [17, 4_294_967_295] },
          },
          {
            step: 128,
            n: 1,
            losses: { f32: [0.125] },
            weights: { f32: [1] },
            labels: { u32: [3] },
            weighing: 'aux',
          },
        ],
      },
    },
  },
  {
    name: 'what is known of samples',
    body: {
      type: 'sample-info',
      firstIndex: 100,
      count: 2,
      labels: Uint32Array.of(1, 2),
      trueLabels: Uint32Array.of(1, 3),
      ids: ['bilder/größe 1.png', 'https://example.org/2'],
    },
    json: {
      sample_info: {
        first_index: 100,
        count: 2,
        labels: { u32: [1, 2] },
        true_labels: { u32: [1, 3] },
        ids: ['bilder/größe 1.png', 'https://example.org/2'],
      },
    },
  },
  {
    name: 'evaluation with a confusion matrix',
    body: {
      type: 'evaluation',
      attempt: 1,
      step: 159,
      split: 'val',
      metrics: { accuracy: 0.875, loss: NaN },
      confusion: { classes: 2, counts: Uint32Array.of(3, 1, 0, 4) },
      seconds: 0.25,
    },
    json: {
      evaluation: {
        attempt: 1,
        step: 159,
        split: 'val',
        metrics: [
          { name: 'accuracy', value: 0.875 },
          { name: 'loss', value: 'NaN' },
        ],
        num_classes: 2,
        confusion: { u32: [3, 1, 0, 4] },
        seconds: 0.25,
      },
    },
  },
  {
    name: 'evaluation without one',
    body: { type: 'evaluation', attempt: 1, step: 0, split: 'test', metrics: { mse: -0 }, seconds: 0 },
    json: { evaluation: { attempt: 1, split: 'test', metrics: [{ name: 'mse', value: '-0' }] } },
  },
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
  ...(['quota', 'spool'] as const).map((reason) => ({
    name: `gap, ${reason}`,
    body: { type: 'gap', attempt: 1, firstStep: 200, reason } as const,
    json: { gap: { attempt: 1, first_step: 200, reason: `REASON_${reason.toUpperCase()}` } },
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
    body: { type: 'worker-left', exitCode: undefined, signal: 'SIGKILL', lastLines: 'Killed\n', position: at },
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
    body: { type: 'settled', result: { type: 'request-result', id: 'r-1', ok: true, step: 129, message: '' } },
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

const records = bodies.map(({ name, body, json }, i): Vector => ({
  name: `record: ${name}`,
  type: 'Record',
  value: { origin: 'worker-0', incarnation: '0123456789abcdef', seq: i + 1, timeMs: 1_700_000_000_000 + i, body },
  json: {
    origin: 'worker-0',
    incarnation: '81985529216486895',
    seq: i + 1,
    time_ms: 1_700_000_000_000 + i,
    ...json,
  },
}))

export const vectors: readonly Vector[] = [...toController, ...toPeer, ...records]
