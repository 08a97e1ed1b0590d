/** What commands share that train a run which has a directory: its interpreter, and its controller. */
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { ensureEnvironment } from '../environment/ensure-environment.js'
import type { Manifest } from '../record/manifest.js'
import { awaitScript } from './await-script.js'
import { experimentOf } from './experiment-of.js'
import { startAndFollow, startControllerProcess, type ControllerProcess } from './follow.js'
import type { Ui } from './ui.js'

/** The interpreter to train with; undefined where the run is simulated, or its script is started by hand. */
export async function interpreterFor(
  { config }: Manifest,
  python: string | undefined,
): Promise<string | undefined> {
  if (config.simulated === true || config.attached === true) return undefined
  const environment = await ensureEnvironment({
    directory: process.cwd(),
    report: (line) => process.stderr.write(`${line}\n`),
    ...(python === undefined ? {} : { python }),
  })
  return environment.python
}

export interface TakeUpOptions {
  readonly python: string | undefined
  readonly threads?: number | undefined
  readonly runs?: string | undefined
  readonly ui: Ui
  readonly stay?: boolean | undefined
  /** Leaves the run to itself, and ends this process. */
  readonly detach: boolean
  /** Take the lock also of a holder that cannot be judged from here. @default false */
  readonly takeOver?: boolean
}

/** Starts a controller for the run in `dir` and shows it, or leaves it. */
export async function takeUp(dir: string, manifest: Manifest, options: TakeUpOptions): Promise<void> {
  const { python, threads, ui, runs, stay, detach, takeOver = false } = options
  const start = { dir, python, takeOver, ...(threads === undefined ? {} : { threads }) }
  if (!detach) {
    const { attached } = manifest.config
    if (attached !== true) return startAndFollow(start, manifest, { ui, runs, stay })
    const { program } = await experimentOf(manifest)
    const started = (controller: ControllerProcess) => awaitScript(dir, program, controller)
    return startAndFollow(start, manifest, { ui, runs, stay, started })
  }
  await startControllerProcess(start)
  process.stdout.write(`${manifest.run}\n`)
  // Its process is another session's now; waiting for its end would keep this one here.
  process.exit(0)
}

/** A free name beside a run: `RUN-fork`, `RUN-fork-2`, … */
export function freeNameBeside(dir: string, suffix: string): string {
  const base = `${basename(dir).slice(0, LONGEST_NAME - suffix.length - 4)}-${suffix}`
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}-${number}`
    if (!existsSync(join(dirname(dir), name))) return name
  }
}

const LONGEST_NAME = 64
