/** Shared by the commands that send a request to a running controller: arguments, sending, and the answer. */
import { Command } from 'commander'
import { AbsgdError } from '../errors.js'
import { readManifest, runsRoot } from '../log/directory.js'
import { lockHolder } from '../log/lock/lock.js'
import { isPattern, selectRun, selectRuns } from '../log/select-runs.js'
import { requestOf, requireDone } from '../run/request.js'
import type { Action } from '../record/record.js'

export interface OperatorOptions {
  readonly runs?: string
  readonly why?: string
  readonly json?: true
}

/** A command with the arguments and options of every request. */
export function operatorCommand(name: string, description: string): Command {
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
export async function sendRequest(selector: string, action: Action, options: OperatorOptions): Promise<void> {
  const root = runsRoot(options.runs)
  if (!isPattern(selector)) return sendToRun(selectRun(root, selector), action, options)
  const live = selectRuns(root, [selector]).filter((dir) => lockHolder(dir)?.isElsewhere === false)
  if (live.length === 0) {
    throw new AbsgdError('unreachable', `no run that matches "${selector}" has a controller here`, {
      hint: '"absgd ls" shows the status of all runs',
    })
  }
  const answers = await Promise.allSettled(live.map((dir) => sendToRun(dir, action, options)))
  const refused = answers.flatMap((answer) =>
    answer.status === 'rejected' ? [answer.reason as unknown] : [],
  )
  if (refused.length === 0) return
  const messages = refused.map((reason) => (reason instanceof Error ? reason.message : String(reason)))
  throw new AbsgdError('refused', `${refused.length} of ${live.length} runs refused: ${messages.join('; ')}`)
}

/** Sends the request to one run and prints the step at which it took effect. A refusal is an error. */
async function sendToRun(dir: string, action: Action, { why, json }: OperatorOptions): Promise<void> {
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
