/** Starts a controller in a process of its own and shows its run until it ends. */
import { existsSync, rmSync } from 'node:fs'
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
import { onInterrupt } from '../signals.js'
import { lastLines, spawnDetached, type ProcessHandle } from '../worker/process.js'

export type Ui = 'plain' | 'json' | 'none'

export interface ControllerOptions {
  readonly dir: string
  /** Undefined where the run is simulated. */
  readonly python: string | undefined
  readonly threads?: number
}

/**
 * Starts the controller of the run in `dir` and waits until it has the lock and the log.
 *
 * @throws AbsgdError with the controller's own words when it ends before that; a directory without a log is removed.
 */
export async function startControllerProcess(options: ControllerOptions): Promise<ProcessHandle> {
  const { dir, python, threads } = options
  const { controllerLog, steps } = runPaths(dir)
  const controller = spawnDetached({
    command: process.execPath,
    args: [
      MAIN,
      '__control',
      dir,
      ...(python === undefined ? [] : ['--python', python]),
      ...(threads === undefined ? [] : ['--threads', String(threads)]),
    ],
    environment: {},
    outputFile: controllerLog,
  })
  let gone = false
  void controller.exited.then(() => (gone = true))
  while (readControllerFile(dir)?.pid !== controller.pid) {
    if (gone) {
      if (readControllerFile(dir) === undefined && existsSync(steps)) break
      const words = lastLines(controllerLog).replace(/^absgd: /, '')
      if (!existsSync(steps)) rmSync(dir, { recursive: true })
      throw new AbsgdError('run-directory', words || 'the controller ended before it began')
    }
    await sleep(START_POLL_MS)
  }
  return controller
}

/** Prints what the run does until it ends; Ctrl-C and SIGTERM are passed on to its controller. */
export async function follow(
  controller: ProcessHandle,
  manifest: Manifest,
  dir: string,
  ui: Ui,
): Promise<RunSummary> {
  let interrupts = 0
  const stopListening = onInterrupt(() => {
    interrupts += 1
    const next = interrupts === 1 ? 'checkpointing and stopping; once more ends it at once' : 'ending it now'
    process.stderr.write(`absgd: ${next}\n`)
    controller.kill('SIGINT')
  })
  try {
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
    await controller.exited
    const { summary } = await readRunView(dir)
    if (ui === 'plain') for (const line of plain.end(summary)) print(line)
    if (ui === 'json') print(endLine(summary))
    return summary
  } finally {
    stopListening()
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
