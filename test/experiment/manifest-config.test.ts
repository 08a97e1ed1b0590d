import { expect, test } from 'vitest'
import { describeConfig } from '../../src/experiment/manifest-config.js'
import { cosine } from '../../src/schedule/anneal.js'
import { twoStage } from '../../src/schedule/combine-schedules.js'
import { epochs, every, untilStopped } from '../../src/schedule/duration.js'
import { resolved } from './helper.js'

test('settings are told in words', () => {
  const config = describeConfig(
    resolved({
      length: epochs(60),
      evaluate: every(epochs(1)),
      checkpoint: every(500),
      objective: { metric: 'val.accuracy', goal: 'maximize' },
      controls: {
        lambda: twoStage({ off: epochs(20), lambda: -0.5 }),
        lr: cosine({ init: 0.05, over: epochs(60) }),
      },
    }),
  )
  expect(config).toEqual({
    task: 'tasks:build',
    length: '60 epochs',
    evaluate: 'every epoch',
    checkpoint: 'every 500 steps',
    objective: { metric: 'val.accuracy', goal: 'maximize' },
    controls: { lambda: 'off for 20 epochs, then -0.5', gamma: '0.9', lr: 'cosine 0.05 → 0 over 60 epochs' },
    sampleEvery: 1,
    sampleQuotaBytes: 10737418240,
    orphanLimitSeconds: 600,
    keepCheckpoints: 3,
    weighting: { preset: 'default' },
  })
})

test('a run without end, and events at the end alone, are told so', () => {
  expect(describeConfig(resolved({ length: untilStopped(), evaluate: 'end' }))).toMatchObject({
    length: 'until stopped',
    evaluate: 'at the end',
    checkpoint: 'every epoch, or at the end of a stream',
  })
})
