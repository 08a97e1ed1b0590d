/** `absgd fork`: starts a new run from a checkpoint of another run. */
import { Command } from 'commander'
import { forkRun, wasDriven } from '../../run/fork.js'
import { readManifest, removeNewRunDirectory, runsRoot } from '../../log/run-directory.js'
import { selectRun } from '../../log/select-runs.js'
import { parseEdit } from '../../experiment/controls/parse-edit.js'
import type { ControlEdit } from '../../record/control-edit.js'
import { experimentOf } from '../experiment-of.js'
import { positiveInteger, wholeNumber } from '../options.js'
import { freeNameBeside, interpreterFor, takeUp } from '../take-up.js'
import { chooseUi, stayOption, uiOption, type UiFlag } from '../ui.js'

interface ForkOptions {
  readonly at?: number
  readonly set: readonly ControlEdit[]
  readonly why?: string
  readonly name?: string
  readonly runs?: string
  readonly ui: UiFlag
  readonly stay?: true
  readonly detach?: true
  readonly python?: string
  readonly threads?: number
}

export function forkCommand(): Command {
  return new Command('fork')
    .description('start a new run from a checkpoint of another one')
    .argument('<run>', 'name of a run, or its directory')
    .option('--at <step>', 'the step of the checkpoint (default: the newest)', wholeNumber)
    .option('--set <edit>', 'change a control there: lambda=-2; may be given several times', edit, [])
    .option('--why <text>', 'reason, for the ledger')
    .option('--name <name>', 'name of the new run (default: RUN-fork)')
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .addOption(uiOption())
    .addOption(stayOption())
    .option('--detach', 'start the run and return to the prompt')
    .option('--python <path>', 'interpreter to train with (default: see "absgd setup")')
    .option('--threads <n>', "threads of torch (default: torch's own choice)", positiveInteger)
    .action(fork)
}

function edit(text: string, before: readonly ControlEdit[]): readonly ControlEdit[] {
  return [...before, parseEdit(text)]
}

async function fork(nameOrPath: string, options: ForkOptions): Promise<void> {
  const ui = options.detach === true ? 'none' : chooseUi(options.ui)
  const parentDir = selectRun(runsRoot(options.runs), nameOrPath)
  const parent = readManifest(parentDir)
  const resolved = await experimentOf(parent)
  const python = await interpreterFor(parent, options.python)
  const { dir, manifest, at, notes } = await forkRun(parentDir, {
    resolved,
    name: options.name ?? freeNameBeside(parentDir, 'fork'),
    edits: options.set,
    why: options.why ?? '',
    ...(options.at === undefined ? {} : { at: options.at }),
  })
  for (const note of notes) process.stderr.write(`absgd: ${note}\n`)
  if (notes.length > 0) process.stderr.write(`absgd: ${manifest.run} begins at step ${at}\n`)
  const { threads, runs, stay, detach = false } = options
  try {
    await takeUp(dir, manifest, { python, threads, runs, ui, stay, detach })
  } catch (error) {
    // This command made the directory. Without a controller nothing was trained in it, so it is removed.
    if (!(await wasDriven(dir))) removeNewRunDirectory(dir)
    throw error
  }
}
