/** `absgd step`: trains some steps of a paused run. */
import type { Command } from 'commander'
import { operatorCommand, sendRequest, type OperatorOptions } from '../../operator-request.js'
import { positiveInteger } from '../../options.js'

export function stepCommand(): Command {
  return operatorCommand('step', 'train some steps of a paused run, then pause again')
    .option('-n <steps>', 'how many', positiveInteger, 1)
    .action((run: string, options: OperatorOptions & { n: number }) =>
      sendRequest(run, { type: 'step-on', steps: options.n }, options),
    )
}
