/** Measures the cost of reporting for the training thread at every step, compared with TensorBoard and wandb. */
import { join } from 'node:path'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Bench, Figure, Settings } from './figure.js'
import { measure, type Interval } from './helpers/python.js'

export const reportCost: Bench = {
  name: 'report-cost',
  about: 'statistics and hand-over of 8 scalars and 128 samples, on the training thread',
  async run(settings) {
    const trackers: Tracker[] = []
    for (const name of NAMES) if (settings.trackers) trackers.push(await install(name, settings))
    const rounds = settings.quick ? '5' : '400'
    const folders = trackers.flatMap(({ name, folder }) =>
      folder === undefined ? [] : [`${name}=${folder}`],
    )
    const measured = (await measure(settings.python, 'report_cost.py', [rounds, ...folders])) as Measured
    return figures(measured, trackers)
  },
}

/** An experiment tracker that people use: installed into `folder`, or the reason why it is not. */
interface Tracker {
  readonly name: Name
  readonly folder?: string
  readonly problem?: string
}

type Name = (typeof NAMES)[number]

interface Measured {
  readonly statistics_us: Interval
  readonly hand_over_us: number
  readonly tensorboard_scalars_us?: number
  readonly tensorboard_histogram_us?: number
  readonly wandb_scalars_us?: number
  /** Scalars and histogram, in one call. */
  readonly wandb_report_us?: number
}

function figures(measured: Measured, trackers: readonly Tracker[]): Figure[] {
  const [statistics] = measured.statistics_us
  const ours = statistics + measured.hand_over_us
  const theirs = [tensorboardText(measured), wandbText(measured)].filter((text) => text !== undefined)
  const problems = trackers.flatMap(({ name, problem }) =>
    problem === undefined ? [] : [`${name} is not measured: ${problem}`],
  )
  const quoted = 'TensorBoard: 46 + 348 µs (quoted, not measured in this run)'
  const against = [...(theirs.length === 0 ? [quoted] : theirs), ...problems].join('; ')
  return [
    {
      name: 'cost',
      what: 'report of a step: statistics, 8 scalars, and loss, weight and index of 128 samples',
      value: ours,
      unit: 'µs',
      budget: { most: 25 },
      against: `${against}, for 8 scalars and a histogram of 128`,
    },
    { name: 'statistics', what: 'of that, statistics', value: statistics, unit: 'µs' },
    {
      name: 'hand_over',
      what: 'of that, hand-over',
      value: measured.hand_over_us,
      unit: 'µs',
      budget: { most: 8 },
    },
    ...trackerFigures(measured, ours),
  ]
}

function trackerFigures(measured: Measured, ours: number): Figure[] {
  const { tensorboard_scalars_us: scalars, tensorboard_histogram_us: histogram } = measured
  const costs = {
    tensorboard:
      scalars === undefined || histogram === undefined
        ? undefined
        : ([scalars, scalars + histogram] as const),
    wandb:
      measured.wandb_scalars_us === undefined || measured.wandb_report_us === undefined
        ? undefined
        : ([measured.wandb_scalars_us, measured.wandb_report_us] as const),
  }
  return NAMES.flatMap((name) => {
    const [alone, whole] = costs[name] ?? []
    if (alone === undefined || whole === undefined) return []
    return {
      name,
      what: `${TITLES[name]}: 8 scalars and a histogram of 128`,
      value: whole,
      unit: 'µs',
      against: `our report of a step ${ours.toFixed(0)} µs; without the histogram ${alone.toFixed(0)} µs`,
    }
  })
}

function tensorboardText({
  tensorboard_scalars_us: scalars,
  tensorboard_histogram_us: histogram,
}: Measured): string | undefined {
  if (scalars === undefined || histogram === undefined) return undefined
  return `${TITLES.tensorboard}: ${scalars.toFixed(0)} + ${histogram.toFixed(0)} µs`
}

function wandbText({ wandb_scalars_us: scalars, wandb_report_us: report }: Measured): string | undefined {
  if (scalars === undefined || report === undefined) return undefined
  return `${TITLES.wandb}: ${scalars.toFixed(0)} + ${(report - scalars).toFixed(0)} µs`
}

/** With the user's own settings of pip; nothing of it stays. */
async function install(name: Name, { python, folder }: Settings): Promise<Tracker> {
  const target = join(folder, name)
  try {
    await promisify(execFile)(python, [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--target',
      target,
      ...PACKAGES[name],
    ])
    return { name, folder: target }
  } catch (error) {
    const { stderr } = error as { readonly stderr?: string }
    const lines = (stderr ?? '').trim().split('\n')
    return { name, problem: `pip cannot install it: ${lines.at(-1) || String(error)}` }
  }
}

const NAMES = ['tensorboard', 'wandb'] as const
const TITLES: Readonly<Record<Name, string>> = { tensorboard: 'TensorBoard', wandb: 'wandb, offline' }
const PACKAGES: Readonly<Record<Name, readonly string[]>> = {
  tensorboard: ['tensorboard', 'setuptools<81'],
  wandb: ['wandb'],
}
