/** Starts a controller in a process of its own and shows its run until it ends. */
import { existsSync, rmSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { AbsgdError } from '../errors.js'
import { readControllerFile, runPaths } from '../log/directory.js'
import { tailRun } from '../log/tail.js'
import { readRunView } from '../operator/view.js'
import { endLine, recordLine } from '../output/json.js'
import { createPlainOutput } from '../output/plain.js'
import type { Manifest } from '../record/manifest.js'
import type { RunSummary } from '../record/summary.js'
import { lastLines, spawnDetached, type ProcessExit, type ProcessHandle } from '../worker/process.js'
import { holdInterrupts } from './interrupts.js'

export type Ui = 'plain' | 'json' | 'none'

export interface ControllerOptions {
  readonly dir: string
  readonly python: string
  readonly threads?: number
}

export interface ControllerProcess extends ProcessHandle {
  /** What it has written to controller.log, the end of it. */
  words(): string
}

/**
 * Starts the controller of the run in `dir` and waits until it has the lock and the log.
 *
 * @throws AbsgdError with the controller's own words when it ends before that; a directory without a log is removed.
 */
export async function startControllerProcess(options: ControllerOptions): Promise<ControllerProcess> {
  const { dir, python, threads } = options
  const { controllerLog, steps } = runPaths(dir)
  const offset = statSync(controllerLog, { throwIfNoEntry: false })?.size ?? 0
  const words = () => lastLines(controllerLog, { offset }).replace(/^absgd: /, '')
  const controller = spawnDetached({
    command: process.execPath,
    args: [
      MAIN,
      '__control',
      dir,
      '--python',
      python,
      ...(threads === undefined ? [] : ['--threads', String(threads)]),
    ],
    environment: {},
    outputFile: controllerLog,
  })
  let exit: ProcessExit | undefined
  void controller.exited.then((how) => (exit = how))
  while (readControllerFile(dir)?.pid !== controller.pid) {
    // A short run may be over before it is looked at.
    if (exit?.exitCode === 0) break
    if (exit !== undefined) {
      const problem = words() || 'the controller ended before it began'
      if (!existsSync(steps)) rmSync(dir, { recursive: true })
      throw new AbsgdError('run-directory', problem)
    }
    await sleep(START_POLL_MS)
  }
  return { ...controller, words }
}

/** Starts the controller and prints what the run does until it ends; from the start on, Ctrl-C and SIGTERM are the controller's. */
export async function startAndFollow(
  options: ControllerOptions,
  manifest: Manifest,
  ui: Ui,
): Promise<RunSummary> {
  const { dir } = options
  const interrupts = holdInterrupts()
  try {
    const controller = await startControllerProcess(options)
    interrupts.passTo(controller)
    const plain = createPlainOutput(manifest, dir)
    // A resumed run's log begins long ago: what is shown begins with this controller.
    let live = false
    for await (const record of tailRun(dir, { streams: ['steps'] })) {
      if (record.body.type === 'controller-started' && record.body.pid === controller.pid) live = true
      const lines = plain.take(record)
      if (!live) continue
      if (ui === 'plain') for (const line of lines) print(line)
      if (ui === 'json') for (const line of recordLine(record)) print(line)
    }
    const { exitCode, signal } = await controller.exited
    if (exitCode !== 0) {
      const how = controller.words() || (signal === undefined ? `exit code ${exitCode}` : signal)
      process.stderr.write(
        `absgd: the controller broke off: ${how}\n  "absgd resume ${manifest.run}" goes on\n`,
      )
    }
    const { summary } = await readRunView(dir)
    if (ui === 'plain') for (const line of plain.end(summary)) print(line)
    if (ui === 'json') print(endLine(summary))
    return summary
  } finally {
    interrupts.stop()
  }
}

/** Exit code of a run that ended with `status`. */
export function exitCodeOf(status: RunSummary['status']): number {
  switch (status) {
    case 'completed':
    case 'stopped':
    case 'running':
      return 0
    case 'failed':
      return 1
    case 'interrupted':
      return 130
    case 'resumable':
    case 'lost':
      return 75
    default:
      return status satisfies never
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

const MAIN = fileURLToPath(new URL('main.js', import.meta.url))
const START_POLL_MS = 25
