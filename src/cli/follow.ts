/** Starts a controller in its own process, and shows the run until it ends. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AbsgdError } from '../errors.js'
import { PACKAGE_ROOT } from '../version.js'
import { readControllerFile, removeUnused, runPaths } from '../log/run-directory.js'
import { tailRun } from '../log/follow-run.js'
import type { Manifest } from '../record/manifest.js'
import { lastLines, spawnDetached, type ProcessExit, type ProcessHandle } from '../process/child.js'
import { showCockpit } from './open-cockpit.js'
import { exitCodeOf } from './exit-code.js'
import { holdInterrupts } from './interrupts.js'
import { printRun } from './output/print-run.js'
import type { Ui } from './ui-option.js'

export interface ControllerOptions {
  readonly dir: string
  /** Path of the interpreter; undefined for simulated runs. */
  readonly python: string | undefined
  readonly threads?: number
  /** Take the lock even if it belongs to a process on another machine or in a container. @default false */
  readonly takeOver?: boolean
}

export interface ControllerProcess extends ProcessHandle {
  /** The last lines that it has written to controller.log. */
  lastOutput(): string
}

/**
 * Starts the controller of the run in `dir`, and waits until it holds the lock and has opened the log.
 *
 * @throws AbsgdError with the controller's last output if it ends before that. The run directory is removed then, if this process
 *   made it and nothing was recorded in it.
 */
export async function startControllerProcess(options: ControllerOptions): Promise<ControllerProcess> {
  const { dir, python, threads, takeOver = false } = options
  const { controllerLog } = runPaths(dir)
  const offset = statSync(controllerLog, { throwIfNoEntry: false })?.size ?? 0
  const lastOutput = () => lastLines(controllerLog, { offset }).replace(/^absgd: /, '')
  const controller = spawnDetached({
    command: process.execPath,
    args: [
      MAIN,
      '__control',
      dir,
      ...(python === undefined ? [] : ['--python', python]),
      ...(threads === undefined ? [] : ['--threads', String(threads)]),
      ...(takeOver ? ['--take-over'] : []),
    ],
    environment: {},
    outputFile: controllerLog,
  })
  let exit: ProcessExit | undefined
  void controller.exited.then((how) => (exit = how))
  while (readControllerFile(dir)?.pid !== controller.pid) {
    // A short run may have ended before the first check.
    if (exit?.exitCode === 0) break
    if (exit !== undefined) {
      const problem = lastOutput() || 'the controller ended before it began'
      removeUnused(dir)
      throw new AbsgdError('run-directory', problem)
    }
    await sleep(START_POLL_MS)
  }
  return { ...controller, lastOutput }
}

export interface FollowOptions {
  readonly ui: Ui
  /** The value of `--runs`, for the commands that the cockpit proposes. */
  readonly runs: string | undefined
  /** Whether the cockpit stays open after the end of the run. @default false */
  readonly stay?: boolean | undefined
  /** Called after the start of the controller; nothing is shown before it resolves. */
  readonly started?: (controller: ControllerProcess) => Promise<void>
}

/**
 * Starts the controller, shows the run until it ends, and sets the exit code. Ctrl-C and SIGTERM are sent to the controller, also
 * while it starts.
 */
export async function startAndFollow(
  options: ControllerOptions,
  manifest: Manifest,
  { ui, runs, stay = false, started }: FollowOptions,
): Promise<void> {
  const { dir } = options
  const interrupts = holdInterrupts()
  try {
    const controller = await startControllerProcess(options)
    interrupts.passTo(controller)
    await started?.(controller)
    // After an interrupt during the start, the cockpit is not opened.
    if (ui === 'cockpit' && interrupts.count() === 0) {
      await showCockpit({
        dirs: [dir],
        runs,
        leavesAtEnd: !stay,
        interrupt: () => controller.kill('SIGINT'),
        opened: () => {
          interrupts.stop()
          return interrupts.count()
        },
      })
    }
    const { status } = await printRun(tailRun(dir, { streams: ['steps'] }), manifest, dir, {
      ui: ui === 'cockpit' ? 'plain' : ui,
      // The log of a resumed run has older records; only those of this controller are shown.
      from: ({ body }) => body.type === 'controller-started' && body.pid === controller.pid,
      ended: () => reportBreak(controller, manifest.run),
    })
    process.exitCode = exitCodeOf(status)
  } finally {
    interrupts.stop()
  }
}

async function reportBreak(controller: ControllerProcess, run: string): Promise<void> {
  const { exitCode, signal } = await controller.exited
  if (exitCode === 0) return
  const how = controller.lastOutput() || (signal === undefined ? `exit code ${exitCode}` : signal)
  process.stderr.write(`absgd: the controller broke off: ${how}\n  "absgd resume ${run}" goes on\n`)
}

const MAIN = join(PACKAGE_ROOT, 'dist', 'cli', 'main.js')
const START_POLL_MS = 25
