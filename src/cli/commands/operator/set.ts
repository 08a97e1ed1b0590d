/** `absgd set`: changes controls of a live run. */
import type { Command } from 'commander'
import { parseEdit } from '../../../experiment/controls/parse-edit.js'
import { operatorCommand, sendRequest, type OperatorOptions } from '../../operator-request.js'

export function setCommand(): Command {
  return operatorCommand('set', 'change controls of a live run, from a step on')
    .argument('<edits...>', 'lambda=-2, gamma=0.5@+100, lr*=0.1, "lambda=linear(…)"')
    .option('--no-checkpoint', 'do not write a checkpoint first (undo goes back further)')
    .addHelpText('after', EDITS)
    .action((run: string, edits: readonly string[], options: OperatorOptions & { checkpoint: boolean }) =>
      sendRequest(run, { type: 'set', edits: edits.map(parseEdit), checkpoint: options.checkpoint }, options),
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
