/** The option `--ui`: how a command shows a run. */
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
  return new Option('--stay', 'keep the cockpit open after the end of the run')
}

/**
 * The user interface for the value of `--ui`. `auto` is the cockpit only on a terminal, in the foreground, and outside of CI jobs,
 * where nobody could close it. From here on, a background job (`absgd run … &`) does not change the terminal.
 *
 * @throws AbsgdError 'usage' for `--ui cockpit` without a terminal
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
 * Like `chooseUi`, for commands without a cockpit.
 *
 * @throws AbsgdError 'usage' for `--ui cockpit`
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
