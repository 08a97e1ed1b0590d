/** What a courier takes: CPU at 200 steps a second of 128 samples, and memory with the labels and names of a large data set. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench, Figure } from './figure.js'
import { trainToEnd } from './helpers/runs.js'

export const courier: Bench = {
  name: 'courier',
  about: 'CPU and memory of the process that reports for training',
  async run(settings) {
    const [samples, steps] = settings.quick ? [10_000, 200] : [1_000_000, 4000]
    const { dir } = await trainToEnd(settings, 'paced.py', { samples, steps, pace: 0.005 }, { length: steps })
    return figures(JSON.parse(readFileSync(join(dir, 'courier.json'), 'utf8')) as Measured, samples)
  },
}

interface Measured {
  readonly cpu_share: number
  readonly own_bytes: number
  readonly resident_bytes: number
}

function figures(measured: Measured, samples: number): Figure[] {
  const count = samples.toLocaleString('en')
  return [
    {
      name: 'cpu',
      what: 'CPU of the courier at 200 steps/s of 128 samples, full report',
      value: 100 * measured.cpu_share,
      unit: '% of a core',
      budget: { most: 10 },
    },
    {
      name: 'memory',
      what: `memory of the courier's own, ${count} labels and names mapped`,
      value: measured.own_bytes / 1e6,
      unit: 'MB',
      budget: { most: 40 },
      against: `${(measured.resident_bytes / 1e6).toFixed(0)} MB resident with what it maps`,
    },
  ]
}
