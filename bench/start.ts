/** Measures what a driven run adds to a script: until its first step, and after its last one; and the CPU of short commands. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench, Figure, Settings } from './figure.js'
import { CLI, cpuOf, timed, type Timed } from './helpers/command.js'
import { median } from './helpers/median.js'
import { pythonFile } from './helpers/python.js'

export const start: Bench = {
  name: 'start',
  about:
    'Enter to the first step and the last step to the prompt, beside a script; the second run of a set; CPU of short commands',
  async run(settings) {
    return [...(await startAndEnd(settings)), await secondRun(settings), ...(await shortCommands(settings))]
  },
}

/** Seconds of one training. */
interface Training {
  readonly toFirstOutput: number
  readonly toFirstStep: number
  readonly toPrompt: number
}

async function startAndEnd(settings: Settings): Promise<Figure[]> {
  const experiment = writeExperiment(settings.folder)
  const rounds = settings.quick ? 1 : ROUNDS
  const driven: Training[] = []
  const bare: Training[] = []
  // Not counted: the files of Node, Python and torch are read from the disk, and the experiment file is transpiled.
  await trainDriven(settings, experiment)
  for (let round = 0; round < rounds; round += 1) {
    // The order alternates, so that a change of the machine's load affects both in the same way.
    const order = [() => trainDriven(settings, experiment), () => trainBare(settings)]
    const results = round % 2 === 0 ? [driven, bare] : [bare, driven]
    for (const [i, train] of (round % 2 === 0 ? order : order.toReversed()).entries())
      results[i]!.push(await train())
  }
  const middle = (of: readonly Training[], name: keyof Training) => median(of.map((one) => one[name]))
  const added = driven.map((one, i) => one.toFirstStep - bare[i]!.toFirstStep)
  return [
    {
      name: 'first_line',
      what: 'Enter to the first line, which says what is waited for',
      value: middle(driven, 'toFirstOutput'),
      unit: 's',
      budget: { most: 0.5 },
    },
    {
      name: 'first_step_added',
      what: `Enter to the first step, above the script's own: median of ${rounds}`,
      value: median(added),
      unit: 's',
      budget: { most: 1 },
      against: `script ${middle(bare, 'toFirstStep').toFixed(2)} s, driven ${middle(driven, 'toFirstStep').toFixed(2)} s`,
    },
    {
      name: 'last_step_to_prompt',
      what: 'the last step to the prompt, a small checkpoint included',
      value: middle(driven, 'toPrompt'),
      unit: 's',
      budget: { most: 0.5 },
      against: `script ${middle(bare, 'toPrompt').toFixed(2)} s`,
    },
  ]
}

/** Several runs share one process that has imported torch, unless ABSGD_FORK is "off". */
async function secondRun(settings: Settings): Promise<Figure> {
  const experiment = writeExperiment(settings.folder)
  const rounds = settings.quick ? 1 : ROUNDS
  const forked: number[] = []
  const anew: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const order = [true, false]
    for (const fork of round % 2 === 0 ? order : order.toReversed())
      (fork ? forked : anew).push(await secondFirstStep(settings, experiment, `set-${round}`, fork))
  }
  return {
    name: 'second_run_first_step',
    what: `the second run of --seeds 2, from its beginning to its first step: median of ${rounds}`,
    value: median(forked),
    unit: 's',
    budget: { most: 1.5 },
    against: `a fresh Python (ABSGD_FORK=off) ${median(anew).toFixed(2)} s`,
  }
}

/** Seconds from the moment at which the command begins the second run. */
async function secondFirstStep(
  { folder, python }: Settings,
  experiment: string,
  name: string,
  fork: boolean,
): Promise<number> {
  const marks = join(folder, 'marks')
  const runs = join(folder, fork ? 'forked' : 'anew')
  const args = [CLI, 'run', experiment, '--ui', 'plain', '--runs', runs, '--threads', '1', '--seeds', '2']
  const env = { ...process.env, ABSGD_PYTHON: python, ABSGD_FORK: fork ? 'on' : 'off' }
  await timed(process.execPath, [...args, '--name', name, '--param', `marks=${marks}`], { env })
  const [, , first = ''] = readFileSync(marks, 'utf8').split('\n')
  rmSync(marks)
  const manifest = readFileSync(join(runs, `${name}-seed1`, 'manifest.json'), 'utf8')
  const { createdAt } = JSON.parse(manifest) as { readonly createdAt: string }
  return Number(first.split(' ')[1]) - Date.parse(createdAt) / 1000
}

async function shortCommands({ folder, quick }: Settings): Promise<Figure[]> {
  const runs = join(folder, 'runs')
  const commands: Readonly<Record<string, readonly string[]>> = {
    version: [CLI, '--version'],
    ls: [CLI, 'ls', '--runs', runs],
    show: [CLI, 'show', 'start-1', '--runs', runs],
  }
  const node: number[] = []
  const seconds = Object.fromEntries(Object.keys(commands).map((name): [string, number[]] => [name, []]))
  for (let round = 0; round < (quick ? 1 : CPU_ROUNDS); round += 1) {
    node.push(await cpuOf(['-e', '']))
    for (const [name, args] of Object.entries(commands)) seconds[name]!.push(await cpuOf(args))
  }
  return Object.entries(seconds).map(([name, values]) => ({
    name: `${name}_cpu_ratio`,
    what: `CPU of absgd ${commands[name]!.slice(1, 2).join('')}, as a multiple of node -e ''`,
    value: median(values) / median(node),
    unit: '',
    budget: { most: 3 },
    against: `${median(values).toFixed(2)} s, node -e '' ${median(node).toFixed(2)} s`,
  }))
}

async function trainDriven({ folder, python }: Settings, experiment: string): Promise<Training> {
  const marks = join(folder, 'marks')
  const args = [CLI, 'run', experiment, '--ui', 'plain', '--runs', join(folder, 'runs'), '--threads', '1']
  const env = { ...process.env, ABSGD_PYTHON: python }
  return training(await timed(process.execPath, [...args, '--param', `marks=${marks}`], { env }), marks)
}

async function trainBare({ folder, python }: Settings): Promise<Training> {
  const marks = join(folder, 'marks')
  return training(await timed(python, [pythonFile('start.py'), marks, String(STEPS)]), marks)
}

/** Reads the moments that the training wrote down, and removes their file. */
function training({ started, firstOutput, ended }: Timed, file: string): Training {
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const marks = new Map(lines.map((line) => line.split(' ') as [name: string, seconds: string]))
  rmSync(file)
  return {
    toFirstOutput: firstOutput - started,
    toFirstStep: Number(marks.get('first')) - started,
    toPrompt: ended - Number(marks.get('last')),
  }
}

function writeExperiment(folder: string): string {
  const file = join(folder, 'start.ts')
  const text = `import { defineExperiment } from 'absgd'
import { z } from 'zod'

export default defineExperiment({
  name: 'start',
  worker: { task: '${pythonFile('start.py')}:build' },
  params: z.object({ seed: z.number().int().default(0), marks: z.string() }),
  length: ${STEPS},
  evaluate: 'end',
  checkpoint: 'end',
  controls: { lambda: -2, gamma: 0.9 },
})
`
  writeFileSync(file, text)
  return file
}

const STEPS = 200
const ROUNDS = 7
const CPU_ROUNDS = 9
