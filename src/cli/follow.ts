/** Starts a controller in a process of its own and shows its run until it ends. */
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { AbsgdError } from '../errors.js'
import { readControllerFile, removeUnused, runPaths } from '../log/run-directory.js'
import { tailRun } from '../log/follow-run.js'
import type { Manifest } from '../record/manifest.js'
import { lastLines, spawnDetached, type ProcessExit, type ProcessHandle } from '../process/child.js'
import { showCockpit } from './cockpit.js'
import { exitCodeOf } from './exit-code.js'
import { holdInterrupts } from './interrupts.js'
import { printRun } from './lines.js'
import type { Ui } from './ui.js'

export interface ControllerOptions {
  readonly dir: string
  /** Undefined where the run is simulated. */
  readonly python: string | undefined
  readonly threads?: number
  /** Take the lock also of a holder that cannot be judged from here. @default false */
  readonly takeOver?: boolean
}

export interface ControllerProcess extends ProcessHandle {
  /** What it has written to controller.log, the end of it. */
  words(): string
}

/**
 * Starts the controller of the run in `dir` and waits until it has the lock and the log.
 *
 * @throws AbsgdError with the controller's own words when it ends before that. The directory of a new run is removed then, where
 *   this process made it and nothing was recorded in it; nothing else is.
 */
export async function startControllerProcess(options: ControllerOptions): Promise<ControllerProcess> {
  const { dir, python, threads, takeOver = false } = options
  const { controllerLog } = runPaths(dir)
  const offset = statSync(controllerLog, { throwIfNoEntry: false })?.size ?? 0
  const words = () => lastLines(controllerLog, { offset }).replace(/^absgd: /, '')
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
    // A short run may be over before it is looked at.
    if (exit?.exitCode === 0) break
    if (exit !== undefined) {
      const problem = words() || 'the controller ended before it began'
      removeUnused(dir)
      throw new AbsgdError('run-directory', problem)
    }
    await sleep(START_POLL_MS)
  }
  return { ...controller, words }
}

export interface FollowOptions {
  readonly ui: Ui
  /** `--runs` as it was given, for the commands that the cockpit proposes. */
  readonly runs: string | undefined
  /** Whether the cockpit stays open once the run is over. @default false */
  readonly stay?: boolean | undefined
  /** Waited for before anything is shown. */
  readonly started?: (controller: ControllerProcess) => Promise<void>
}

/**
 * Starts the controller and shows what the run does until it ends; from the start on, Ctrl-C and SIGTERM are the controller's.
 * Sets the exit code.
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
    // Who interrupted it while it started wants no dashboard.
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
      // A resumed run's log begins long ago: what is shown begins with this controller.
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
  const how = controller.words() || (signal === undefined ? `exit code ${exitCode}` : signal)
  process.stderr.write(`absgd: the controller broke off: ${how}\n  "absgd resume ${run}" goes on\n`)
}

const MAIN = fileURLToPath(new URL('main.js', import.meta.url))
const START_POLL_MS = 25
