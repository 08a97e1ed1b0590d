/** What a vector is, and what several have in common. */
import type { Body, Hello, LogRecord } from '../../../src/record/record.js'
import type { ToController, ToPeer } from '../../../src/wire/message.js'

export type Vector = {
  readonly name: string
  readonly json: object
  /** A message that only peers of an earlier protocol send: it is read, and never written. */
  readonly isFormer?: true
} & (
  | { readonly type: 'ToController'; readonly value: ToController }
  | { readonly type: 'ToPeer'; readonly value: ToPeer }
  | { readonly type: 'Record'; readonly value: LogRecord }
)

/** A record's body; what is around it is alike for all. */
export interface BodyVector {
  readonly name: string
  readonly body: Body
  readonly json: object
}

export const hello: Hello = {
  type: 'hello',
  protocolMajor: 1,
  protocolMinor: 3,
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
  forgotten: { steps: 7, samples: 3 },
  courierPid: 4_194_303,
}

export const helloJson = {
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
  forgotten: { steps: '7', samples: '3' },
  courier_pid: 4_194_303,
}

export const at = { attempt: 1, step: 128 }

export const actions = [
  { words: 'pause', action: { type: 'pause' }, json: { pause: {} } },
  { words: 'resume', action: { type: 'resume' }, json: { resume: {} } },
  { words: 'step on', action: { type: 'step-on', steps: 5 }, json: { step_on: { steps: 5 } } },
  { words: 'checkpoint', action: { type: 'checkpoint' }, json: { checkpoint: {} } },
  {
    words: 'checkpoint, automatic',
    action: { type: 'checkpoint', automatic: true },
    json: { checkpoint: { automatic: true } },
  },
  {
    words: 'restore',
    action: { type: 'restore', step: 64, path: 'checkpoints/000000064.pt', sha256: 'ab12', attempt: 3 },
    json: { restore: { step: 64, path: 'checkpoints/000000064.pt', sha256: 'ab12', attempt: 3 } },
  },
  { words: 'evaluate', action: { type: 'evaluate' }, json: { evaluate: {} } },
  {
    words: 'stop with a checkpoint',
    action: { type: 'stop', checkpoint: true },
    json: { stop: { checkpoint: true } },
  },
  { words: 'stop at once', action: { type: 'stop', checkpoint: false }, json: { stop: {} } },
] as const

/** What operators ask the controller for, and no controller a worker. */
export const operatorActions = [
  {
    words: 'set',
    action: {
      type: 'set',
      edits: [
        {
          control: 'lambda',
          to: { kind: 'schedule', text: 'cosine(-5, -0.5, over=1000)' },
          when: { kind: 'soon' },
        },
        { control: 'gamma', to: { kind: 'schedule', text: '0.5' }, when: { kind: 'after', steps: 100 } },
        { control: 'lr', to: { kind: 'factor', factor: 0.1 }, when: { kind: 'at', step: 4096 } },
      ],
      checkpoint: true,
    },
    json: {
      set: {
        edits: [
          { control: 'lambda', schedule: 'cosine(-5, -0.5, over=1000)' },
          { control: 'gamma', schedule: '0.5', after_steps: 100 },
          { control: 'lr', factor: 0.1, at_step: 4096 },
        ],
        checkpoint: true,
      },
    },
  },
  { words: 'undo', action: { type: 'undo' }, json: { undo: {} } },
  { words: 'undo all', action: { type: 'undo', all: true }, json: { undo: { all: true } } },
] as const
