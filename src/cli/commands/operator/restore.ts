/** `absgd restore`: returns a live run to one of its checkpoints. */
import type { Command } from 'commander'
import { operatorCommand, sendRequest, type OperatorOptions } from '../../operator-request.js'
import { wholeNumber } from '../../options.js'

export function restoreCommand(): Command {
  return operatorCommand('restore', 'return a live run to one of its checkpoints')
    .requiredOption('--to <step>', 'the step that the checkpoint was written at', wholeNumber)
    .action((run: string, options: OperatorOptions & { to: number }) =>
      sendRequest(run, { type: 'restore', step: options.to, path: '', sha256: '', attempt: 0 }, options),
    )
}
