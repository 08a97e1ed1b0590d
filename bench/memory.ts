/** Whether controller, worker and its courier keep their size over a long run: all in processes of their own, as `absgd run` has them. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { readControllerFile } from '../src/log/run-directory.js'
import { readRun } from '../src/log/read-run.js'
import { firstHello } from '../src/run/restore-feedback.js'
import type { Bench, Figure, Settings } from './figure.js'
import { median } from './helpers/median.js'
import { residentBytes } from './helpers/processes.js'

export const memory: Bench = {
  name: 'memory',
  about: 'resident memory of controller, worker and courier, from 10,000 to 1,000,000 steps',
  async run(settings) {
    const [from, to] = settings.quick ? [500, 4000] : [10_000, 1_000_000]
    const samples = await watch(settings, to)
    const at = await stepsByTime(join(settings.folder, 'flat'))
    const during = samples.filter(({ timeMs }) => at(timeMs) >= from)
    const early = during.filter(({ timeMs }, i) => i === 0 || at(timeMs) <= EARLY * from)
    const late = during.filter(({ timeMs }, i) => i === during.length - 1 || at(timeMs) >= LATE * to)
    const span = `${from.toLocaleString('en')} to ${to.toLocaleString('en')} steps`
    return PROCESSES.map((who) => growth(who, span, early, late))
  },
}

/** Each with the largest growth that its budget permits, in %. */
const BUDGETS = { controller: 10, worker: 5, courier: 5 } as const

type Process = keyof typeof BUDGETS

const PROCESSES = Object.keys(BUDGETS) as Process[]

type Sample = { readonly timeMs: number } & Readonly<Record<Process, number>>

async function watch({ python, folder }: Settings, steps: number): Promise<Sample[]> {
  const args = [
    CLI,
    'run',
    EXPERIMENT,
    '--runs',
    folder,
    '--name',
    'flat',
    '--python',
    python,
    '--threads',
    '1',
  ]
  const running = promisify(execFile)(process.execPath, [...args, '--ui', 'none'], {
    env: { ...process.env, BENCH_STEPS: String(steps) },
  })
  const samples: Sample[] = []
  const dir = join(folder, 'flat')
  let courierPid: number | undefined
  let over = false
  const ended = running.finally(() => (over = true))
  // Whether it failed is asked below.
  ended.catch(() => undefined)
  while (!over) {
    const file = readControllerFile(dir)
    if (courierPid === undefined && file !== undefined) courierPid = (await firstHello(dir))?.courierPid
    const controller = file === undefined ? undefined : residentBytes(file.pid)
    const worker = file?.workerPid === undefined ? undefined : residentBytes(file.workerPid)
    const courier = courierPid === undefined ? undefined : residentBytes(courierPid)
    if (controller !== undefined && worker !== undefined && courier !== undefined)
      samples.push({ timeMs: Date.now(), controller, worker, courier })
    await sleep(LOOK_MS)
  }
  await ended
  return samples
}

/** Steps that were reported by a time of the clock. */
async function stepsByTime(dir: string): Promise<(timeMs: number) => number> {
  const known: { timeMs: number; steps: number }[] = []
  for await (const { timeMs, body } of readRun(dir, { streams: ['steps'] }))
    if (body.type === 'step-batch') known.push({ timeMs, steps: body.firstStep + body.count })
  // Where training is over its size no longer counts: what follows is evaluation, a summary, and the end.
  const endMs = known.at(-1)?.timeMs ?? 0
  return (timeMs) => (timeMs > endMs ? NaN : (known.findLast((one) => one.timeMs <= timeMs)?.steps ?? 0))
}

function growth(who: Process, span: string, early: readonly Sample[], late: readonly Sample[]): Figure {
  const [before, after] = [early, late].map((samples) => median(samples.map((sample) => sample[who])))
  return {
    name: `${who}_growth`,
    what: `growth of the ${who}'s memory, ${span}`,
    value: 100 * (after! / before! - 1),
    unit: '%',
    budget: { most: BUDGETS[who] },
    against: `${megabytes(before!)} → ${megabytes(after!)}`,
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`
}

const CLI = fileURLToPath(new URL('../bin/absgd.js', import.meta.url))
const EXPERIMENT = fileURLToPath(new URL('helpers/flat.ts', import.meta.url))
const LOOK_MS = 50
/** The early size is that of the steps up to so many times the first; the late one of the last tenth. */
const EARLY = 3
const LATE = 0.9
