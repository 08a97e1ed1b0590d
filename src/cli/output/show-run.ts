/** Shows a run whose controller this command has started, until the run ends, and sets the exit code. */
import { tailRun } from '../../log/follow-run.js'
import type { Manifest } from '../../record/manifest.js'
import { exitCodeOf } from '../exit-code.js'
import type { ControllerProcess } from '../controller-process.js'
import type { Interrupts } from '../interrupts.js'
import type { Ui } from '../ui-option.js'
import { printRun } from './print-run.js'

export interface RunToShow {
  readonly dir: string
  readonly manifest: Manifest
  readonly controller: ControllerProcess
  readonly interrupts: Interrupts
  readonly ui: Ui
  /** The value of `--runs`, for the commands that the cockpit proposes. */
  readonly runs: string | undefined
  /** Whether the cockpit stays open after the end of the run. */
  readonly stay: boolean
}

export async function showRun(run: RunToShow): Promise<void> {
  const { dir, manifest, controller, interrupts, ui, runs, stay } = run
  // After an interrupt during the start, the cockpit is not opened.
  if (ui === 'cockpit' && interrupts.count() === 0) {
    const { showCockpit } = await import('../open-cockpit.js')
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
}

async function reportBreak(controller: ControllerProcess, run: string): Promise<void> {
  const { exitCode, signal } = await controller.exited
  if (exitCode === 0) return
  const how = controller.lastOutput() || (signal === undefined ? `exit code ${exitCode}` : signal)
  process.stderr.write(`absgd: the controller broke off: ${how}\n  "absgd resume ${run}" goes on\n`)
}
