/** Starts a controller in its own process, and shows the run until it ends. */
import type { Manifest } from '../record/manifest.js'
import {
  startControllerProcess,
  type ControllerOptions,
  type ControllerProcess,
} from './controller-process.js'
import { holdInterrupts } from './interrupts.js'
import { printWaiting } from './output/waiting.js'
import { awaitedInWords } from '../ui/text/awaited.js'
import type { Ui } from './ui-option.js'

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
    const starting = startControllerProcess(options)
    // The command of an attached script is printed once the controller listens.
    const { simulated, attached } = manifest.config
    if (simulated !== true && attached !== true) printWaiting(ui, awaitedInWords(manifest.config))
    // What shows the run is loaded while the controller starts.
    const showing = import('./output/show-run.js')
    const controller = await starting
    interrupts.passTo(controller)
    await started?.(controller)
    const { showRun } = await showing
    await showRun({ dir, manifest, controller, interrupts, ui, runs, stay })
  } finally {
    interrupts.stop()
  }
}
