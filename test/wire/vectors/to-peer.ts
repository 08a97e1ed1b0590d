import { actions, type Vector } from './vector.js'

const bare = {
  type: 'welcome',
  run: 'digits-1',
  attempt: 1,
  leaseEpoch: 1,
  paramsJson: '{}',
  acked: { steps: 0, samples: 0 },
  sampleEvery: 0,
  sampleQuotaBytes: 0,
  orphanLimitSeconds: 600,
  keepCheckpoints: 0,
  restorePath: '',
  restoreSha256: '',
  runSteps: 0,
} as const

const bareJson = {
  run: 'digits-1',
  attempt: 1,
  lease_epoch: 1,
  params_json: '{}',
  acked: {},
  samples: {},
  orphan_limit_seconds: 600,
}

const rejectCodes = ['protocol', 'lease-held', 'wrong-run', 'no-lease', 'malformed'] as const

export const toPeer: Vector[] = [
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
      runSteps: 1860,
      weighting: { preset: 'reference', alpha: 0.5, floor: true },
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
        run_steps: 1860,
        weighting: { preset: 'WEIGHTING_PRESET_REFERENCE', alpha: 0.5, floor: true },
      },
    },
  },
  ...(['default', 'paper'] as const).map((preset): Vector => ({
    name: `welcome, the preset ${preset}`,
    type: 'ToPeer',
    value: { ...bare, weighting: { preset } },
    json: {
      welcome: { ...bareJson, weighting: { preset: `WEIGHTING_PRESET_${preset.toUpperCase()}` } },
    },
  })),
  {
    name: 'welcome of an operator',
    type: 'ToPeer',
    value: { type: 'operator-welcome', run: 'digits-1', protocolMajor: 1, protocolMinor: 3 },
    json: { operator_welcome: { run: 'digits-1', protocol_major: 1, protocol_minor: 3 } },
  },
  ...rejectCodes.map((code): Vector => ({
    name: `reject, ${code}`,
    type: 'ToPeer',
    value: { type: 'reject', code, hint: 'say Hello again' },
    json: {
      reject: { code: `REJECT_CODE_${code.toUpperCase().replace('-', '_')}`, hint: 'say Hello again' },
    },
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
