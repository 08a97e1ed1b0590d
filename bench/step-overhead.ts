/** Measures the overhead of a controlled step, compared with the same step of a loop without a controller. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cosine, exponential } from '../src/index.js'
import type { Bench, Figure } from './figure.js'
import { intervalText, type Interval } from './helpers/python.js'
import { trainToEnd } from './helpers/runs.js'

export const stepOverhead: Bench = {
  name: 'step-overhead',
  about: 'controlled steps of 5 ms with full report against a bare loop',
  async run(settings) {
    const blocks = settings.quick ? 2 : BLOCKS
    const stepSeconds = settings.quick ? 0.0005 : 0.005
    const length = (blocks + WARM_UP) * BLOCK_STEPS
    const controls = {
      lambda: exponential({ init: 5, end: 2, over: length }),
      gamma: 0.9,
      lr: cosine({ init: 0.01, over: length }),
    }
    const params = { blocks, stepSeconds, blockSteps: BLOCK_STEPS }
    const { dir } = await trainToEnd(settings, 'step_overhead.py', params, { length, controls })
    return figures(JSON.parse(readFileSync(join(dir, 'overhead.json'), 'utf8')) as Measured)
  },
}

interface Measured {
  readonly ratio: Interval
  readonly median_ratio: Interval
  readonly added_cpu_us: Interval
  readonly bare_ms: number
  readonly steps: number
}

function figures({ ratio, median_ratio: median, added_cpu_us: cpu, bare_ms: ms, steps }: Measured): Figure[] {
  const what = `controlled step over a bare one of ${ms.toFixed(1)} ms, batch 128, full report`
  const against = `bare loop, ${steps.toLocaleString('en')} steps an arm`
  return [
    {
      name: 'ratio_upper',
      what: `${what}: upper bound of the ratio`,
      value: ratio[2],
      unit: '',
      budget: { most: 1.015 },
      against: `${against}: ${intervalText(ratio, 4)}`,
    },
    { name: 'ratio', what: `${what}: ratio of all time`, value: ratio[0], unit: '', against },
    {
      name: 'ratio_median',
      what: `${what}: median over pairs of blocks`,
      value: median[0],
      unit: '',
      against: `${against}: ${intervalText(median, 4)}`,
    },
    {
      name: 'added_cpu',
      what: 'CPU that a controlled step adds to the training thread',
      value: cpu[0],
      unit: 'µs',
      budget: { most: 60 },
      against: `${against}: ${intervalText(cpu, 1)} µs`,
    },
  ]
}

/** At 5 ms a step, what happens between two messages of telemetry. */
const BLOCK_STEPS = 20
const BLOCKS = 250
/** Number of pairs that are not counted, as in `step_overhead.py`. */
const WARM_UP = 5
