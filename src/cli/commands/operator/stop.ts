/** `absgd stop`: ends a live run. */
import type { Command } from 'commander'
import { operatorCommand, sendRequest, type OperatorOptions } from '../../operator-request.js'

export function stopCommand(): Command {
  return operatorCommand('stop', 'checkpoint and end a run')
    .option('--no-checkpoint', 'end it without writing a checkpoint')
    .action((run: string, options: OperatorOptions & { checkpoint: boolean }) =>
      sendRequest(run, { type: 'stop', checkpoint: options.checkpoint }, options),
    )
}
