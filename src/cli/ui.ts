/** How a command shows a run. */
import { Option } from 'commander'
import { isatty } from 'node:tty'
import { AbsgdError } from '../errors.js'
import { isInForeground, leaveTerminalAlone } from '../process/foreground.js'

export type Ui = 'cockpit' | LinesUi
export type LinesUi = 'plain' | 'json' | 'none'
export type UiFlag = Ui | 'auto'

export function uiOption(): Option {
  return new Option(
    '--ui <kind>',
    'a dashboard, plain lines, one JSON object a line, or nothing; auto is the cockpit on a terminal, else plain',
  )
    .choices(['auto', 'cockpit', 'plain', 'json', 'none'])
    .default('auto')
}

export function stayOption(): Option {
  return new Option('--stay', 'keep the cockpit open once the run is over')
}

/**
 * What the flag means here. In a CI job nobody would leave a cockpit, terminal or not; and a
 * shell's job in the background (`absgd run … &`) has no terminal to draw on. From here on such a job leaves the terminal as it is.
 *
 * @throws AbsgdError 'usage' when the cockpit is asked for without a terminal.
 */
export function chooseUi(flag: UiFlag): Ui {
  const { env } = process
  leaveTerminalAlone()
  const terminal = isatty(0) && isatty(1)
  if (flag === 'cockpit' && !terminal) {
    throw new AbsgdError('usage', '--ui cockpit needs a terminal for its input and its output', {
      hint: 'use --ui plain or --ui json where output goes to a file, a pipe or a job; over ssh, "ssh -t" gives a terminal',
    })
  }
  if (flag !== 'auto') return flag
  const unfit = env['TERM'] === 'dumb' || (env['CI'] ?? 'false') !== 'false'
  return terminal && !unfit && isInForeground() ? 'cockpit' : 'plain'
}

/**
 * `chooseUi` for what the cockpit does not show.
 *
 * @throws AbsgdError 'usage' when the cockpit is asked for.
 */
export function chooseLines(flag: UiFlag, what: string): LinesUi {
  if (flag !== 'cockpit') return flag === 'auto' ? 'plain' : flag
  throw new AbsgdError(
    'usage',
    `--ui cockpit does not show ${what} while they are trained one after the other`,
    {
      hint: 'leave --ui out, and look at them from another terminal: absgd watch RUN RUN…',
    },
  )
}
