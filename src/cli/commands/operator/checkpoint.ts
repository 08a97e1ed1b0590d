/** `absgd checkpoint`: writes a checkpoint of a live run. */
import type { Command } from 'commander'
import { operatorCommand, sendRequest, type OperatorOptions } from '../../operator-request.js'

export function checkpointCommand(): Command {
  return operatorCommand('checkpoint', 'write a checkpoint at the next step').action(
    (run: string, options: OperatorOptions) => sendRequest(run, { type: 'checkpoint' }, options),
  )
}
