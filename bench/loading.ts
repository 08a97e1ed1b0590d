/** Measures what loading processes gain in a served task, compared with what they gain in a plain loop over torch's DataLoader. */
import type { Bench, Figure } from './figure.js'
import { intervalText, measure, type Interval } from './helpers/python.js'

export const loading: Bench = {
  name: 'loading',
  about: 'two loading processes for samples of 5 ms, against a plain DataLoader loop',
  async run({ python, quick }) {
    return figures((await measure(python, 'loading.py', [quick ? '2' : '60'])) as Measured)
  },
}

interface Measured {
  readonly decode_ms: number
  /** The gain of a served task over that of a plain loop. */
  readonly ratio: Interval
  readonly served_gain: Interval
  readonly plain_gain: Interval
  /** Reading in the training process: a served step over a plain one. */
  readonly unaided: Interval
}

function figures({ decode_ms: decode, ratio, unaided, ...gains }: Measured): Figure[] {
  const [served, plain] = [intervalText(gains.served_gain, 2), intervalText(gains.plain_gain, 2)]
  return [
    {
      name: 'gain_ratio',
      what: `gain of two loading processes in a served task, ${decode.toFixed(1)} ms a sample, over that in a plain loop`,
      value: ratio[0],
      unit: '×',
      budget: { least: 0.9 },
      against: `${intervalText(ratio, 3)}; served ${served} ×, plain DataLoader ${plain} ×`,
    },
    {
      name: 'without_processes',
      what: 'the same without loading processes: a served step over a plain one',
      value: unaided[0],
      unit: '×',
      against: `plain DataLoader: ${intervalText(unaided, 3)}`,
    },
  ]
}
