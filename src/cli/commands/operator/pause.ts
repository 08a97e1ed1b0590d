/** `absgd pause`: pauses a run. */
import type { Command } from 'commander'
import { operatorCommand, sendRequest, type OperatorOptions } from '../../operator-request.js'

export function pauseCommand(): Command {
  return operatorCommand('pause', 'pause before the next step, until "absgd resume"').action(
    (run: string, options: OperatorOptions) => sendRequest(run, { type: 'pause' }, options),
  )
}
