/** `absgd pause`, `checkpoint`, `evaluate`, `stop`, `step`, `restore`, `set` and `undo`: each sends a request to a running controller. */
import { createInterface } from 'node:readline/promises'
import { Command } from 'commander'
import { AbsgdError } from '../../errors.js'
import { readManifest, runsRoot } from '../../log/run-directory.js'
import { lockHolder } from '../../log/lock/run-lock.js'
import { isPattern, selectRun, selectRuns } from '../../log/select-runs.js'
import { requestOf, requireDone } from '../../run/request.js'
import { parseEdit } from '../../experiment/controls/parse-edit.js'
import { readRunView } from '../../log/run-view.js'
import type { Action } from '../../record/record.js'
import { takenBackInWords, undoTarget } from '../../history/undo-target.js'
import { positiveInteger, wholeNumber } from '../options.js'

interface OperateOptions {
  readonly runs?: string
  readonly why?: string
  readonly json?: true
}

export function operatorCommands(): Command[] {
  return [
    simple('pause', 'pause before the next step, until "absgd resume"', { type: 'pause' }),
    simple('checkpoint', 'write a checkpoint at the next step', { type: 'checkpoint' }),
    simple('evaluate', 'evaluate the model at the next step, and predict its data', { type: 'evaluate' }),
    stopCommand(),
    stepCommand(),
    restoreCommand(),
    setCommand(),
    undoCommand(),
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
  return base('step', 'train some steps of a paused run, then pause again')
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

function undoCommand(): Command {
  return base('undo', 'return to the checkpoint before the last edit')
    .option('--all', 'earlier edits too, where the checkpoint lies before them')
    .addHelpText('after', UNDO)
    .action(async (run: string, { all, ...options }: OperateOptions & { all?: true }) => {
      const isWanted = all === true || (await confirmUndo(run, options))
      await ask(run, { type: 'undo', ...(isWanted ? { all: true } : {}) }, options)
    })
}

/** On a terminal, asks before an undo of more than the last edit. Returns whether the user agreed. */
async function confirmUndo(selector: string, { runs, json }: OperateOptions): Promise<boolean> {
  if (json === true || !process.stdin.isTTY || !process.stderr.isTTY || isPattern(selector)) return false
  const { snapshot } = await readRunView(selectRun(runsRoot(runs), selector))
  const target = undoTarget(snapshot.edits, snapshot.checkpoints)
  if (target.type !== 'checkpoint' || target.requests === 1) return false
  const words = takenBackInWords(target, snapshot.position - target.checkpoint.position.step)
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const question = `undo ${words}: to step ${target.checkpoint.position.step}. Go back that far? [y/N] `
  const reply = await terminal.question(question)
  terminal.close()
  if (/^y(es)?$/i.test(reply.trim())) return true
  throw new AbsgdError('usage', 'nothing was undone')
}

const UNDO = `
What was trained since is trained again. Undo of more than the last edit takes
--all, or a "y" on a terminal. The answer says how far back it went.`
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
    .argument('<run>', 'name of a run, its directory, or a pattern ("exp-*"): all that run')
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .option('--why <text>', 'reason, for the log')
    .option('--json', 'print the answer as JSON')
}

/**
 * Sends the request to the named run, or to every run of a pattern that has a controller on this machine. Controllers on other
 * machines cannot be reached. Refusals are reported as one error, after all runs have answered.
 */
async function ask(selector: string, action: Action, options: OperateOptions): Promise<void> {
  const root = runsRoot(options.runs)
  if (!isPattern(selector)) return askOne(selectRun(root, selector), action, options)
  const live = selectRuns(root, [selector]).filter((dir) => lockHolder(dir)?.isElsewhere === false)
  if (live.length === 0) {
    throw new AbsgdError('unreachable', `no run that matches "${selector}" has a controller here`, {
      hint: '"absgd ls" shows the status of all runs',
    })
  }
  const asked = await Promise.allSettled(live.map((dir) => askOne(dir, action, options)))
  const refused = asked.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
  if (refused.length === 0) return
  const messages = refused.map((reason) => (reason instanceof Error ? reason.message : String(reason)))
  throw new AbsgdError('refused', `${refused.length} of ${live.length} runs refused: ${messages.join('; ')}`)
}

/** Sends the request to one run and prints the step at which it took effect. A refusal is an error. */
async function askOne(dir: string, action: Action, { why, json }: OperateOptions): Promise<void> {
  const { run } = readManifest(dir)
  const { step, message } = requireDone(await requestOf(dir, run, action, why === undefined ? {} : { why }))
  const line = json
    ? JSON.stringify({ run, action: action.type, step, message })
    : `${run}: ${answerInWords(action, step, message)}`
  process.stdout.write(`${line}\n`)
}

function answerInWords({ type }: Action, step: number, message: string): string {
  if (type === 'set') return `from step ${step} on: ${message}`
  if (type === 'undo' || type === 'restore') return `back to step ${step}: ${message}`
  return `${message || type} at step ${step}`
}
