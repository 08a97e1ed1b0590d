/** Lines that say what a command waits for, so that nobody looks at an empty screen. */
import type { Ui } from '../ui-option.js'

/**
 * Prints the line to stderr: stdout has the lines of the run alone. Prints nothing with `--ui json` and `--ui none`, which programs
 * read.
 */
export function printWaiting(ui: Ui, text: string): void {
  if (ui === 'plain' || ui === 'cockpit') process.stderr.write(`absgd: ${text}\n`)
}
