/** Steps of driven scripts (`wrap`, and a script under `absgd-run`), compared with those of the same loop without a controller. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { cosine, defineExperiment, exponential, launch } from '../../src/index.js'
import type { Figure, Settings } from '../figure.js'
import { intervalText, measure, pythonFile, type Interval } from './python.js'

export interface StepSize {
  /** In words of a-z, 0-9 and "_". */
  readonly name: string
  /** Of a bare step. */
  readonly seconds: number
  /** Steps that an arm trains before the next arm's turn: of several messages of telemetry. */
  readonly turnSteps: number
  readonly turns: number
  /** Most of the ratio. */
  readonly budget: number
}

/** Trains both driven arms in turns with the bare ones. */
export async function drivenScripts(settings: Settings, size: StepSize): Promise<Figure[]> {
  const { python } = settings
  const { seconds, turnSteps, turns } = size
  const folder = join(settings.folder, `scripts-${size.name}`)
  mkdirSync(folder)
  const socket = join(folder, 'turns')
  const length = (turns + WARM_UP) * turnSteps
  const start = async (arm: Driven) => {
    const experiment = defineExperiment({
      name: arm,
      worker: { script: pythonFile('steps_in_turns.py'), args: [socket, arm] },
      length,
      controls: {
        lambda: exponential({ init: 5, end: 2, over: length }),
        gamma: 0.9,
        lr: cosine({ init: 0.01, over: length }),
      },
    })
    const run = await launch(experiment, { python, runs: folder, threads: 1 })
    return run.result
  }
  const [measured, ...summaries] = await Promise.all([
    measure(python, 'driven_scripts.py', [socket, String(seconds), String(turnSteps), String(turns)]),
    ...DRIVEN.map(start),
  ])
  for (const { status, steps, reason } of summaries)
    if (status !== 'completed' || steps !== length)
      throw new Error(`a run ended as ${status} after ${steps} of ${length} steps: ${reason}`)
  return figures(size, measured as Measured)
}

type Driven = (typeof DRIVEN)[number]

interface Arm {
  readonly ratio: Interval
  readonly median_ratio: Interval
  readonly added_cpu_us: Interval
}

interface Measured {
  readonly bare_ms: number
  readonly steps: number
  readonly arms: Readonly<Record<Driven | 'again', Arm>>
}

function figures({ name, budget }: StepSize, { bare_ms: ms, steps, arms }: Measured): Figure[] {
  const against = `the same loop, ${steps.toLocaleString('en')} steps an arm`
  const again = intervalText(arms.again.ratio, 4)
  return DRIVEN.flatMap((arm): Figure[] => {
    const { ratio, median_ratio: median, added_cpu_us: cpu } = arms[arm]
    const what = `${WORDS[arm]} over a bare loop, steps of ${ms.toFixed(1)} ms`
    return [
      {
        name: `${arm}_ratio_upper_${name}`,
        what: `${what}: upper bound of the ratio`,
        value: ratio[2],
        unit: '',
        budget: { most: budget },
        against: `${against}: ${intervalText(ratio, 4)}; two bare loops: ${again}`,
      },
      {
        name: `${arm}_ratio_median_${name}`,
        what: `${what}: median over turns`,
        value: median[0],
        unit: '',
        against: `${against}: ${intervalText(median, 4)}`,
      },
      {
        name: `${arm}_added_cpu_${name}`,
        what: `CPU that ${WORDS[arm]} adds to the training thread at a step of ${ms.toFixed(1)} ms`,
        value: cpu[0],
        unit: 'µs',
        against: `${against}: ${intervalText(cpu, 1)} µs`,
      },
    ]
  })
}

const DRIVEN = ['wrap', 'script'] as const
const WORDS: Readonly<Record<Driven, string>> = {
  wrap: 'a driven loop with wrap()',
  script: 'a driven script as it stands',
}
/** Number of turns that are not counted, as in `driven_scripts.py`. */
const WARM_UP = 3
