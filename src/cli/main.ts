#!/usr/bin/env node
/** The command line: dispatches, maps errors to exit codes, and is the only place that sets one. */
import { Command, CommanderError } from 'commander'
import { toAbsgdError, type AbsgdError, type ErrorCode } from '../errors.js'
import { VERSION } from '../version.js'
import { controlCommand } from './control.js'
import { doctorCommand } from './doctor.js'
import { lsCommand } from './ls.js'
import { operatorCommands } from './operate.js'
import { resumeCommand } from './resume.js'
import { runCommand } from './run.js'
import { setupCommand } from './setup.js'
import { showCommand } from './show.js'

/** Not one of the package's promises: for `npx absgd` and for tests. */
async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('absgd')
    .description('Train PyTorch models with ABSGD, driven and logged from TypeScript.')
    .version(VERSION)
    .addCommand(runCommand())
    .addCommand(lsCommand())
    .addCommand(showCommand())
    .addCommand(resumeCommand())
  for (const command of operatorCommands()) program.addCommand(command)
  program
    .addCommand(setupCommand())
    .addCommand(doctorCommand())
    .addCommand(controlCommand(), { hidden: true })
  for (const command of [program, ...program.commands]) configure(command)
  await program.parseAsync(argv, { from: 'user' })
}

function configure(command: Command): void {
  command
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ helpWidth: HELP_WIDTH })
    .configureOutput({ getOutHelpWidth: () => HELP_WIDTH, getErrHelpWidth: () => HELP_WIDTH })
    .helpOption('-h, --help', 'show this help')
}

function report(error: AbsgdError): void {
  process.stderr.write(`absgd: ${error.message}\n`)
  if (error.hint !== undefined) process.stderr.write(`${error.hint.replaceAll(/^/gm, '  ')}\n`)
  if (process.env['ABSGD_DEBUG'] !== undefined) process.stderr.write(`${error.stack ?? ''}\n`)
}

const HELP_WIDTH = 80

const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
  usage: 2,
  experiment: 2,
  'run-directory': 2,
  environment: 1,
  log: 1,
  protocol: 1,
  worker: 1,
  refused: 1,
  unreachable: 1,
}

// Whoever reads our output may leave first (`absgd run … | head`): training goes on without an audience.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

try {
  await main(process.argv.slice(2))
} catch (thrown) {
  if (thrown instanceof CommanderError) {
    // Commander has printed its message; its codes for help and version are 0.
    process.exitCode = thrown.exitCode === 0 ? 0 : 2
  } else {
    const error = toAbsgdError(thrown, 'usage')
    if (error !== thrown) process.stderr.write(`${error.stack ?? ''}\n`)
    report(error)
    process.exitCode = error === thrown ? EXIT_CODES[error.code] : 1
  }
}
