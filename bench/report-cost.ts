/** Measures the cost of reporting for the training thread at every step, compared with TensorBoard. */
import { join } from 'node:path'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Bench, Figure, Settings } from './figure.js'
import { measure, type Interval } from './helpers/python.js'

export const reportCost: Bench = {
  name: 'report-cost',
  about: 'statistics and hand-over of 8 scalars and 128 samples, on the training thread',
  async run(settings) {
    const folder = settings.tensorboard ? [await installTensorboard(settings)] : []
    const rounds = settings.quick ? '5' : '400'
    return figures((await measure(settings.python, 'report_cost.py', [rounds, ...folder])) as Measured)
  },
}

interface Measured {
  readonly statistics_us: Interval
  readonly hand_over_us: number
  readonly tensorboard_scalars_us?: number
  readonly tensorboard_histogram_us?: number
}

function figures(measured: Measured): Figure[] {
  const { hand_over_us: handOver, tensorboard_scalars_us: scalars } = measured
  const [statistics] = measured.statistics_us
  const histogram = measured.tensorboard_histogram_us
  const theirs =
    scalars === undefined || histogram === undefined
      ? 'TensorBoard: 46 + 348 µs (quoted, not measured in this run)'
      : `TensorBoard: ${scalars.toFixed(0)} + ${histogram.toFixed(0)} µs`
  return [
    {
      name: 'cost',
      what: 'report of a step: statistics, 8 scalars, and loss, weight and index of 128 samples',
      value: statistics + handOver,
      unit: 'µs',
      budget: { most: 25 },
      against: `${theirs}, for 8 scalars and a histogram of 128`,
    },
    { name: 'statistics', what: 'of that, statistics', value: statistics, unit: 'µs' },
    { name: 'hand_over', what: 'of that, hand-over', value: handOver, unit: 'µs' },
  ]
}

/** With the user's own settings of pip; nothing of it stays. */
async function installTensorboard({ python, folder }: Settings): Promise<string> {
  const target = join(folder, 'tensorboard')
  const packages = ['tensorboard', 'setuptools<81']
  await promisify(execFile)(python, ['-m', 'pip', 'install', '--quiet', '--target', target, ...packages])
  return target
}
