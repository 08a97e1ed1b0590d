/** Starts the controller of a run that has a directory already: for `resume`, `fork` and `replay`. */
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { ensureEnvironment } from '../environment/ensure-environment.js'
import type { Manifest } from '../record/manifest.js'
import { awaitScript } from './await-script.js'
import { experimentOf } from './experiment-of.js'
import { startControllerProcess, type ControllerProcess } from './controller-process.js'
import { startAndFollow } from './follow.js'
import type { Ui } from './ui-option.js'

/** The interpreter to train with; undefined for simulated runs, and for scripts that the user starts. */
export async function interpreterFor(
  { config }: Manifest,
  python: string | undefined,
): Promise<string | undefined> {
  if (config.simulated === true || config.attached === true) return undefined
  return anyInterpreter(python)
}

/** An interpreter for what does not train: that of training. */
export async function anyInterpreter(python: string | undefined): Promise<string> {
  const environment = await ensureEnvironment({
    directory: process.cwd(),
    report: (line) => process.stderr.write(`${line}\n`),
    ...(python === undefined ? {} : { python }),
  })
  return environment.python
}

export interface StartOptions {
  readonly python: string | undefined
  readonly threads?: number | undefined
  readonly runs?: string | undefined
  readonly ui: Ui
  readonly stay?: boolean | undefined
  /** Whether to end this process after the start, without showing the run. */
  readonly detach: boolean
  /** Take the lock even if it belongs to a process on another machine or in a container. @default false */
  readonly takeOver?: boolean
}

/** Starts a controller for the run in `dir`, and shows the run unless `detach` is set. */
export async function startExistingRun(
  dir: string,
  manifest: Manifest,
  options: StartOptions,
): Promise<void> {
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
  // Exits without waiting for the controller, which goes on in its own session.
  process.exit(0)
}

/** A name that no other run in the folder has: `RUN-fork`, `RUN-fork-2`, … */
export function freeNameBeside(dir: string, suffix: string): string {
  const base = `${basename(dir).slice(0, LONGEST_NAME - suffix.length - 4)}-${suffix}`
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}-${number}`
    if (!existsSync(join(dirname(dir), name))) return name
  }
}

const LONGEST_NAME = 64
