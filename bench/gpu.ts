/** Measures the worker's step on a GPU, compared with a step that has ABSGD in line. */
import type { Bench, Figure } from './figure.js'
import { intervalText, measure, type Interval } from './helpers/python.js'

export const gpu: Bench = {
  name: 'gpu',
  about: 'steps on a CUDA device, eager, compiled and as a graph, against ABSGD in line',
  async run({ python, quick }) {
    const found = (await measure(python, '../gpu/main.py', quick ? QUICK : [])) as Found
    if (found.device === null) console.error('gpu: no CUDA device here, nothing is measured')
    return found.measured.flatMap((row) => figures(row, found))
  },
}

interface Found {
  /** Null without a CUDA device. */
  readonly device: string | null
  readonly steps?: number
  readonly measured: readonly Measured[]
}

interface Measured {
  readonly case: string
  readonly mode: string
  readonly ratio: Interval
  readonly added_cpu_us: Interval
  readonly bare_ms: number
  readonly ours_ms: number
}

function figures({ case: name, mode, ratio, added_cpu_us: cpu, ...ms }: Measured, found: Found): Figure[] {
  const what = `${name}, ${mode}, on ${found.device}`
  const against = `ABSGD in line, ${ms.bare_ms.toFixed(3)} ms, ${found.steps?.toLocaleString('en')} steps an arm`
  return [
    {
      name: `ratio_${name}_${mode}`,
      what: `step with report over one in line: ${what}`,
      value: ratio[0],
      unit: '',
      against: `${against}: ${intervalText(ratio, 4)}`,
    },
    {
      name: `added_cpu_${name}_${mode}`,
      what: `CPU that this adds to the training thread: ${what}`,
      value: cpu[0],
      unit: 'µs',
      against: `${against}: ${intervalText(cpu, 1)} µs`,
    },
  ]
}

/** Small models on the CPU, where there are no graphs: they show only that the benchmark works. */
const QUICK = '--device cpu --tiny --rounds 2 --steps 2 --modes eager'.split(' ')
