/** `absgd evaluate`: evaluates the model of a live run. */
import type { Command } from 'commander'
import { operatorCommand, sendRequest, type OperatorOptions } from '../../operator-request.js'

export function evaluateCommand(): Command {
  return operatorCommand('evaluate', 'evaluate the model at the next step, and predict its data').action(
    (run: string, options: OperatorOptions) => sendRequest(run, { type: 'evaluate' }, options),
  )
}
