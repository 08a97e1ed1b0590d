/** `absgd undo`: returns to the checkpoint before the last edit. */
import type { Command } from 'commander'
import { createInterface } from 'node:readline/promises'
import { AbsgdError } from '../../../errors.js'
import { takenBackInWords, undoTarget } from '../../../history/undo-target.js'
import { runsRoot } from '../../../log/run-directory.js'
import { readRunView } from '../../../log/run-view.js'
import { isPattern, selectRun } from '../../../log/select-runs.js'
import { operatorCommand, sendRequest, type OperatorOptions } from '../../operator-request.js'

export function undoCommand(): Command {
  return operatorCommand('undo', 'return to the checkpoint before the last edit')
    .option('--all', 'earlier edits too, where the checkpoint lies before them')
    .addHelpText('after', UNDO)
    .action(async (run: string, { all, ...options }: OperatorOptions & { all?: true }) => {
      const isWanted = all === true || (await confirmUndo(run, options))
      await sendRequest(run, { type: 'undo', ...(isWanted ? { all: true } : {}) }, options)
    })
}

/** On a terminal, asks before an undo of more than the last edit. Returns whether the user agreed. */
async function confirmUndo(selector: string, { runs, json }: OperatorOptions): Promise<boolean> {
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
