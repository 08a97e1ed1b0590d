/** Measures the overhead of a controlled step, in a task and in scripts that are driven, compared with the same step without a controller. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cosine, exponential } from '../src/index.js'
import type { Bench, Figure, Settings } from './figure.js'
import { drivenScripts, type StepSize } from './helpers/driven-scripts.js'
import { intervalText, type Interval } from './helpers/python.js'
import { trainToEnd } from './helpers/runs.js'

export const stepOverhead: Bench = {
  name: 'step-overhead',
  about: 'controlled steps of a task, 1, 5 and 50 ms with full report, against a bare loop',
  run: (settings) => overSizes(settings, measureSize),
}

export const drivenOverhead: Bench = {
  name: 'driven-overhead',
  about: 'the same for a loop with wrap and for a script under absgd-run',
  run: (settings) => overSizes(settings, drivenScripts),
}

async function overSizes(
  settings: Settings,
  measureOne: (settings: Settings, size: Size) => Promise<Figure[]>,
): Promise<Figure[]> {
  const quick = { seconds: 0.0005, blocks: 2, turnSteps: 100, turns: 2 }
  const sizes = settings.quick ? [{ ...SIZES[0]!, ...quick }] : SIZES
  const measured: Figure[] = []
  for (const size of sizes) measured.push(...(await measureOne(settings, size)))
  return measured
}

interface Size extends StepSize {
  /** About as many as are trained between two messages of telemetry. */
  readonly blockSteps: number
  readonly blocks: number
}

const SIZES: readonly Size[] = [
  { name: '1ms', seconds: 0.001, blockSteps: 100, blocks: 150, turnSteps: 500, turns: 30, budget: 1.04 },
  { name: '5ms', seconds: 0.005, blockSteps: 20, blocks: 250, turnSteps: 140, turns: 30, budget: 1.01 },
  { name: '50ms', seconds: 0.05, blockSteps: 4, blocks: 60, turnSteps: 12, turns: 30, budget: 1.005 },
]

async function measureSize(settings: Settings, size: Size): Promise<Figure[]> {
  const { name, seconds, blockSteps, blocks } = size
  const length = (blocks + WARM_UP) * blockSteps
  const controls = {
    lambda: exponential({ init: 5, end: 2, over: length }),
    gamma: 0.9,
    lr: cosine({ init: 0.01, over: length }),
  }
  const params = { blocks, stepSeconds: seconds, blockSteps }
  const own = { ...settings, folder: join(settings.folder, name) }
  const { dir } = await trainToEnd(own, 'step_overhead.py', params, { length, controls })
  return figures(size, JSON.parse(readFileSync(join(dir, 'overhead.json'), 'utf8')) as Measured)
}

interface Measured {
  readonly ratio: Interval
  readonly median_ratio: Interval
  readonly added_cpu_us: Interval
  readonly bare_ms: number
  readonly steps: number
}

function figures({ name, budget }: Size, measured: Measured): Figure[] {
  const { ratio, median_ratio: median, added_cpu_us: cpu, bare_ms: ms, steps } = measured
  const what = `controlled step over a bare one of ${ms.toFixed(1)} ms, batch 128, full report`
  const against = `bare loop, ${steps.toLocaleString('en')} steps an arm`
  return [
    {
      name: `ratio_upper_${name}`,
      what: `${what}: upper bound of the ratio`,
      value: ratio[2],
      unit: '',
      budget: { most: budget },
      against: `${against}: ${intervalText(ratio, 4)}`,
    },
    { name: `ratio_${name}`, what: `${what}: ratio of all time`, value: ratio[0], unit: '', against },
    {
      name: `ratio_median_${name}`,
      what: `${what}: median over pairs of blocks`,
      value: median[0],
      unit: '',
      against: `${against}: ${intervalText(median, 4)}`,
    },
    {
      name: `added_cpu_${name}`,
      what: `CPU that a controlled step of ${ms.toFixed(1)} ms adds to the training thread`,
      value: cpu[0],
      unit: 'µs',
      budget: { most: 30 },
      against: `${against}: ${intervalText(cpu, 1)} µs`,
    },
  ]
}

/** Number of pairs that are not counted, as in `step_overhead.py`. */
const WARM_UP = 5
