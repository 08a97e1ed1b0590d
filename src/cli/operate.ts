/** Commands that ask a running controller for something: pause, step, checkpoint, restore, evaluate, set, undo, stop. */
import { Command } from 'commander'
import { requireDone } from '../controller/require-done.js'
import { findRun, readManifest, runsRoot } from '../log/directory.js'
import { requestOf } from '../operator/client.js'
import { parseEdit } from '../operator/edit-text.js'
import type { Action } from '../record/record.js'
import { positiveInteger, wholeNumber } from './options.js'

interface OperateOptions {
  readonly runs?: string
  readonly why?: string
  readonly json?: true
}

export function operatorCommands(): Command[] {
  return [
    simple('pause', 'stand at the next step until resumed', { type: 'pause' }),
    simple('checkpoint', 'write a checkpoint at the next step', { type: 'checkpoint' }),
    simple('evaluate', 'evaluate the model at the next step, and predict its data', { type: 'evaluate' }),
    stopCommand(),
    stepCommand(),
    restoreCommand(),
    setCommand(),
    simple('undo', 'return to the checkpoint before the last edit', { type: 'undo' }),
  ]
}

function simple(name: string, description: string, action: Action): Command {
  return base(name, description).action((run: string, options: OperateOptions) => ask(run, action, options))
}

function stopCommand(): Command {
  return base('stop', 'checkpoint and end a run')
    .option('--no-checkpoint', 'end it without writing a checkpoint')
    .action((run: string, options: OperateOptions & { checkpoint: boolean }) =>
      ask(run, { type: 'stop', checkpoint: options.checkpoint }, options),
    )
}

function stepCommand(): Command {
  return base('step', 'train some steps of a paused run, then stand again')
    .option('-n <steps>', 'how many', positiveInteger, 1)
    .action((run: string, options: OperateOptions & { n: number }) =>
      ask(run, { type: 'step-on', steps: options.n }, options),
    )
}

function restoreCommand(): Command {
  return base('restore', 'return a live run to one of its checkpoints')
    .requiredOption('--to <step>', 'the step that the checkpoint was written at', wholeNumber)
    .action((run: string, options: OperateOptions & { to: number }) =>
      ask(run, { type: 'restore', step: options.to, path: '', sha256: '', attempt: 0 }, options),
    )
}

function setCommand(): Command {
  return base('set', 'change controls of a live run, from a step on')
    .argument('<edits...>', 'lambda=-2, gamma=0.5@+100, lr*=0.1, "lambda=linear(…)"')
    .option('--no-checkpoint', 'do not write a checkpoint first (undo goes back further)')
    .addHelpText('after', EDITS)
    .action((run: string, edits: readonly string[], options: OperateOptions & { checkpoint: boolean }) =>
      ask(run, { type: 'set', edits: edits.map(parseEdit), checkpoint: options.checkpoint }, options),
    )
}

const EDITS = `
Edits:
  lambda=-2              from the next step that is not planned yet
  gamma=0.5@+100         100 steps from now;  @5000  at step 5,000
  lr*=0.1                all that it would have been, multiplied
  lambda=off             plain SGD
  "lambda=cosine(-5, -0.5, over=1000)"   a schedule, from its own start
  Schedules: docs/schedules.md. "absgd ledger RUN" lists what was changed.`

function base(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument('<run>', 'name of a run, or its directory')
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .option('--why <text>', 'reason, for the log')
    .option('--json', 'print the answer as JSON')
}

/** Prints the step at which the action took effect; a refusal is an error. */
async function ask(nameOrPath: string, action: Action, { runs, why, json }: OperateOptions): Promise<void> {
  const dir = findRun(runsRoot(runs), nameOrPath)
  const { run } = readManifest(dir)
  const { step, message } = requireDone(await requestOf(dir, run, action, why === undefined ? {} : { why }))
  const line = json
    ? JSON.stringify({ run, action: action.type, step, message })
    : action.type === 'set'
      ? `${run}: from step ${step} on: ${message}`
      : `${run}: ${message || action.type} at step ${step}`
  process.stdout.write(`${line}\n`)
}
