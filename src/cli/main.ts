#!/usr/bin/env node
/** The command line: selects the command, prints errors, and turns them into exit codes. */
import { Command, CommanderError } from 'commander'
import { toAbsgdError, type AbsgdError } from '../errors.js'
import { VERSION } from '../version.js'
import { exitCodeOfError } from './exit-code.js'

async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('absgd')
    .description('Train PyTorch models with ABSGD, driven and logged from TypeScript.')
    .version(VERSION)
  const [first = ''] = argv
  const asked = COMMANDS.filter(({ names }) => names.includes(first))
  const needed = asked.length > 0 || first === '-V' || first === '--version' ? asked : COMMANDS
  for (const { load, hidden } of needed) {
    for (const command of await load()) program.addCommand(command, { hidden: hidden === true })
  }
  for (const command of [program, ...program.commands]) configure(command)
  await program.parseAsync(argv, { from: 'user' })
}

interface Commands {
  readonly names: readonly string[]
  readonly load: () => Promise<readonly Command[]>
  readonly hidden?: true
}

/** The commands in the order of the help. Each is loaded only when needed: the imports of `run` would delay `ls` and `pause`. */
const COMMANDS: readonly Commands[] = [
  { names: ['run'], load: async () => [(await import('./commands/run.js')).runCommand()] },
  { names: ['init'], load: async () => [(await import('./commands/init.js')).initCommand()] },
  { names: ['attach'], load: async () => [(await import('./commands/attach.js')).attachCommand()] },
  { names: ['plan'], load: async () => [(await import('./commands/plan.js')).planCommand()] },
  { names: ['watch'], load: async () => [(await import('./commands/watch.js')).watchCommand()] },
  { names: ['ls'], load: async () => [(await import('./commands/ls.js')).lsCommand()] },
  { names: ['show'], load: async () => [(await import('./commands/show.js')).showCommand()] },
  { names: ['samples'], load: async () => [(await import('./commands/samples.js')).samplesCommand()] },
  { names: ['review'], load: async () => [(await import('./commands/review.js')).reviewCommand()] },
  { names: ['what-if'], load: async () => [(await import('./commands/what-if.js')).whatIfCommand()] },
  { names: ['suggest'], load: async () => [(await import('./commands/suggest.js')).suggestCommand()] },
  { names: ['ledger'], load: async () => [(await import('./commands/ledger.js')).ledgerCommand()] },
  { names: ['fork'], load: async () => [(await import('./commands/fork.js')).forkCommand()] },
  { names: ['replay'], load: async () => [(await import('./commands/replay.js')).replayCommand()] },
  { names: ['ab'], load: async () => [(await import('./commands/ab.js')).abCommand()] },
  { names: ['compare'], load: async () => [(await import('./commands/compare.js')).compareCommand()] },
  { names: ['mirror'], load: async () => [(await import('./commands/mirror.js')).mirrorCommandOf()] },
  { names: ['resume'], load: async () => [(await import('./commands/resume.js')).resumeCommand()] },
  { names: ['pause'], load: async () => [(await import('./commands/operator/pause.js')).pauseCommand()] },
  {
    names: ['checkpoint'],
    load: async () => [(await import('./commands/operator/checkpoint.js')).checkpointCommand()],
  },
  {
    names: ['evaluate'],
    load: async () => [(await import('./commands/operator/evaluate.js')).evaluateCommand()],
  },
  { names: ['stop'], load: async () => [(await import('./commands/operator/stop.js')).stopCommand()] },
  { names: ['step'], load: async () => [(await import('./commands/operator/step.js')).stepCommand()] },
  {
    names: ['restore'],
    load: async () => [(await import('./commands/operator/restore.js')).restoreCommand()],
  },
  { names: ['set'], load: async () => [(await import('./commands/operator/set.js')).setCommand()] },
  { names: ['undo'], load: async () => [(await import('./commands/operator/undo.js')).undoCommand()] },
  { names: ['setup'], load: async () => [(await import('./commands/setup.js')).setupCommand()] },
  { names: ['doctor'], load: async () => [(await import('./commands/doctor.js')).doctorCommand()] },
  {
    names: ['__control'],
    load: async () => [(await import('./commands/control.js')).controlCommand()],
    hidden: true,
  },
]

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

// The reader of our output may end first (`absgd run … | head`). Then this process ends, and training goes on.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

try {
  await main(process.argv.slice(2))
} catch (thrown) {
  if (thrown instanceof CommanderError) {
    // Commander has printed its message already. Its exit code for help and version is 0.
    process.exitCode = thrown.exitCode === 0 ? 0 : 2
  } else {
    const error = toAbsgdError(thrown, 'usage')
    if (error !== thrown) process.stderr.write(`${error.stack ?? ''}\n`)
    report(error)
    process.exitCode = error === thrown ? exitCodeOfError(error.code) : 1
  }
}
// Ends at once, when all output is written: to take down its heap, Node would need as long as for a short command.
for (const stream of [process.stdout, process.stderr])
  await new Promise<void>((resolve) => stream.write('', () => resolve()))
process.exit()
