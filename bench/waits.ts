/** Whether a training thread ever waits for a row of an open-loop plan. */
import { exponential } from '../src/index.js'
import type { Bench } from './figure.js'
import { trainToEnd } from './helpers/runs.js'

export const waits: Bench = {
  name: 'waits',
  about: 'waits of the training thread for a row, over 100,000 open-loop steps',
  async run(settings) {
    const length = settings.quick ? 2000 : 100_000
    const controls = { lambda: exponential({ init: -5, end: -1, over: length }), gamma: 0.9 }
    const { summary } = await trainToEnd(settings, 'tiny.py', { batchSize: 8 }, { length, controls })
    return [
      {
        name: 'waits',
        what: `waits for a row, ${length.toLocaleString('en')} open-loop steps of microseconds`,
        value: summary.waits,
        unit: '',
        budget: { most: 0 },
      },
    ]
  },
}
