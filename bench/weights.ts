/** Measures the cost of the rule of weights on top of plain cross-entropy, compared with the authors' recurrence. */
import type { Bench, Figure } from './figure.js'
import { intervalText, measure, type Interval } from './helpers/python.js'

export const weights: Bench = {
  name: 'weights',
  about: 'the rule of weights against the reference recurrence, forward and backward',
  async run({ python, quick }) {
    const sizes = quick ? ['5', '400'] : ['400', '20000']
    const measured = (await measure(python, 'weights.py', sizes)) as Measured
    return [...Object.entries(measured.sizes).map(ratioFigure), ...memoryFigures(measured)]
  },
}

interface Measured {
  readonly sizes: Readonly<
    Record<
      string,
      {
        readonly ratio: Interval
        readonly plain_us: number
        readonly rule_us: number
        readonly reference_us: number
      }
    >
  >
  readonly growth_bytes: { readonly rule: number; readonly reference: number }
}

function ratioFigure([size, { ratio, ...us }]: [string, Measured['sizes'][string]]): Figure {
  return {
    name: `ratio_${size}`,
    what: `cross-entropy with our rule, batch ${size}, over the same with the reference (leak mended)`,
    value: ratio[0],
    unit: '×',
    budget: { most: 1.25 },
    against: `${intervalText(ratio, 3)}; ${us.rule_us.toFixed(0)} µs, reference ${us.reference_us.toFixed(0)} µs, no weights ${us.plain_us.toFixed(0)} µs`,
  }
}

function memoryFigures({ growth_bytes: growth }: Measured): Figure[] {
  return [
    {
      name: 'memory_growth',
      what: 'memory that a weighed step leaves behind, batch 128',
      value: growth.rule,
      unit: 'B',
      budget: { most: FLAT_BYTES },
      against: `reference as published: ${Math.round(growth.reference)} B`,
    },
  ]
}

/** Memory comes in pages: one more over ten thousand steps is no growth. */
const FLAT_BYTES = 16
