/** `absgd resume`: continues a run that is paused, lost its controller, or ended early. */
import { Command } from 'commander'
import { AbsgdError } from '../../errors.js'
import { runsRoot } from '../../log/run-directory.js'
import { heldElsewhere, lockHolder } from '../../log/lock/run-lock.js'
import { selectRun } from '../../log/select-runs.js'
import { requestOf, requireDone } from '../../run/request.js'
import { readRunView } from '../../log/run-view.js'
import { positiveInteger } from '../options.js'
import { interpreterFor, takeUp } from '../take-up.js'
import { chooseUi, stayOption, uiOption, type UiFlag } from '../ui.js'

interface ResumeOptions {
  readonly runs?: string
  readonly ui: UiFlag
  readonly stay?: true
  readonly detach?: true
  readonly python?: string
  readonly threads?: number
  readonly takeOver?: true
}

export function resumeCommand(): Command {
  return new Command('resume')
    .description('continue a run that is paused, lost its controller, or ended early')
    .argument('<run>', 'name of a run, or its directory')
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .addOption(uiOption())
    .addOption(stayOption())
    .option('--detach', 'start the run and return to the prompt')
    .option('--python <path>', 'interpreter to train with (default: see "absgd setup")')
    .option('--threads <n>', "threads of torch (default: torch's own choice)", positiveInteger)
    .option(
      '--take-over',
      'take over a run from another machine; only if its process there has certainly ended',
    )
    .addHelpText('after', WHAT)
    .action(resume)
}

async function resume(nameOrPath: string, options: ResumeOptions): Promise<void> {
  const ui = options.detach === true ? 'none' : chooseUi(options.ui)
  const dir = selectRun(runsRoot(options.runs), nameOrPath)
  const { manifest, summary } = await readRunView(dir)
  const { takeOver = false } = options
  const holder = lockHolder(dir)
  if (holder?.isElsewhere === true) {
    if (!takeOver) throw heldElsewhere(manifest.run, holder)
  } else if (holder !== undefined) {
    const { step } = requireDone(await requestOf(dir, manifest.run, { type: 'resume' }))
    process.stdout.write(`${manifest.run}: the controller lives; training goes on from step ${step}\n`)
    return
  }
  if (summary.damage?.some(({ reason }) => reason === 'newer') === true) {
    throw new AbsgdError(
      'log',
      `a newer absgd wrote the run "${manifest.run}": this version cannot go on with it`,
      {
        hint: 'install that version: npm install absgd@latest',
      },
    )
  }
  if (summary.status === 'completed') {
    throw new AbsgdError(
      'run-directory',
      `the run "${manifest.run}" is completed: there is nothing to go on with`,
      {
        hint: 'start another one with "absgd run"',
      },
    )
  }
  const python = await interpreterFor(manifest, options.python)
  const { threads, runs, stay, detach = false } = options
  await takeUp(dir, manifest, { python, threads, runs, ui, stay, detach, takeOver })
}

const WHAT = `
A paused run goes on. A run whose controller is gone but whose worker still
trains gets a new controller. A run without either starts a new attempt from
its newest whole checkpoint, or from the beginning; its first lines say which,
and which checkpoints are damaged or missing. A script is started again, and
goes on from what it saved itself.

A run that a process on another machine, or in a container, drives or drove is
held: nobody can see from here whether that still runs. It is refused, with
what is known, unless --take-over says that it has ended. A controller that
still lives there stops writing when it finds that the lock is another's.`
