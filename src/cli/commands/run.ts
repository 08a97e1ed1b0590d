/** `absgd run`: trains an experiment. */
import { basename, resolve } from 'node:path'
import { Command } from 'commander'
import { loadExperiment } from '../../experiment/files/load-experiment.js'
import { prepareRun } from '../../run/prepare.js'
import { AbsgdError } from '../../errors.js'
import type { MirrorName } from '../../record/mirror.js'
import {
  commaSeparated,
  exactNameOption,
  mirrorList,
  paramOption,
  setOption,
  positiveInteger,
  simulateOption,
  someNumber,
} from '../options.js'
import { earlyKindOf, startControllerProcess } from '../controller-process.js'
import { startAndFollow } from '../follow.js'
import { printWaiting } from '../output/waiting.js'
import { seedList } from '../seeds.js'
import { sanitize } from '../../ui/text/sanitize.js'
import { chooseLines, chooseUi, stayOption, uiOption, type UiFlag } from '../ui-option.js'

interface RunOptions {
  readonly arm?: readonly string[]
  readonly seeds?: readonly number[]
  readonly jobs: number
  readonly param: Readonly<Record<string, string>>
  readonly set: Readonly<Record<string, string>>
  readonly exactName?: true
  readonly name?: string
  readonly runs?: string
  readonly ui: UiFlag
  readonly stay?: true
  readonly detach?: true
  readonly mirror?: readonly MirrorName[]
  readonly python?: string
  readonly threads?: number
  readonly simulate?: true
  readonly pace?: number
}

export function runCommand(): Command {
  return new Command('run')
    .description('train an experiment')
    .argument('<experiment>', 'TypeScript file whose default export is defineExperiment(…)')
    .option('--arm <names>', 'an arm of the experiment; several: a,b or all', commaSeparated)
    .option('--seeds <n>', 'train seeds 0 to n-1, or those given: 200-209, 1,2,7', seedList)
    .option('--jobs <n>', 'of several runs, so many at a time', positiveInteger, 1)
    .addOption(paramOption())
    .addOption(setOption())
    .option(
      '--name <name>',
      'name of the run (default: experiment, arm and a number); of several runs what their names begin with',
    )
    .addOption(exactNameOption())
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .addOption(uiOption())
    .addOption(stayOption())
    .option('--detach', 'start the run and return to the prompt; "absgd watch" shows it')
    .option(
      '--mirror <tools>',
      "besides, live: tensorboard,wandb,mlflow (default: the experiment's)",
      mirrorList,
    )
    .option('--python <path>', 'interpreter to train with (default: see "absgd setup")')
    .option(
      '--threads <n>',
      "threads of torch (default: torch's own choice; with --jobs, its share of the cores)",
      positiveInteger,
    )
    .addOption(simulateOption())
    .option('--pace <n>', 'steps a second of a simulated run (default: no limit)', someNumber)
    .addHelpText('after', SEVERAL + EXIT_CODES)
    .action(run)
}

async function run(file: string, options: RunOptions): Promise<void> {
  if (isSeveral(options)) return runSeveral(file, options)
  const { name, runs, mirror, python, threads, simulate, pace } = options
  const ui = options.detach === true ? 'none' : chooseUi(options.ui)
  const arm = options.arm?.[0]
  const experimentFile = resolve(file)
  if (simulate !== true) printWaiting(ui, `loading ${sanitize(basename(file))}, and looking for Python`)
  const experiment = await loadExperiment(experimentFile)
  const { dir, manifest, ...prepared } = await prepareRun({
    experiment,
    experimentFile,
    params: options.param,
    set: options.set,
    exactName: options.exactName === true,
    ...(arm === undefined ? {} : { arm }),
    ...(name === undefined ? {} : { name }),
    ...(runs === undefined ? {} : { runs }),
    ...(mirror === undefined ? {} : { mirror }),
    ...(python === undefined ? {} : { python }),
    ...(simulate === undefined ? {} : { simulate }),
    ...(pace === undefined ? {} : { pace }),
    onSetup: (line) => process.stderr.write(`${line}\n`),
  })
  const early = earlyKindOf(manifest)
  const start = { dir, python: prepared.python, early, ...(threads === undefined ? {} : { threads }) }
  if (options.detach === true) {
    await startControllerProcess(start)
    process.stdout.write(
      options.ui === 'json'
        ? `${JSON.stringify({ type: 'detached', run: manifest.run, dir })}\n`
        : `${manifest.run}\n`,
    )
    // Exits without waiting for the controller, which goes on in its own session.
    process.exit(0)
  }
  await startAndFollow(start, manifest, { ui, runs, stay: options.stay })
}

function isSeveral({ arm = [], seeds }: RunOptions): boolean {
  return seeds !== undefined || arm.length > 1 || arm.includes('all')
}

async function runSeveral(file: string, { arm, ui, detach, ...options }: RunOptions): Promise<void> {
  if (detach === true) {
    throw new AbsgdError('usage', '--detach takes one run', {
      hint: 'several are started one after the other by this command; should it end, the same command goes on',
    })
  }
  const { runMany } = await import('../run-many.js')
  await runMany(file, {
    ...options,
    ui: chooseLines(ui, 'several runs'),
    ...(arm === undefined ? {} : { arms: arm }),
  })
}

const SEVERAL = `
Several arms or seeds are runs of their own, named after arm and seed, and end
with a comparison. The same command again goes on: it leaves out what is
completed and takes up what is not, failed runs from their last checkpoint.
On Linux torch is imported once for all of them, and their workers are forked
from that process; with ABSGD_FORK=off in the environment each imports it anew.
`
const EXIT_CODES = `
Exit code: 0 completed or stopped, 1 failed, 2 wrong usage,
75 broken off and resumable, 130 interrupted (checkpointed, resumable).
Leaving the cockpit, or --detach: 0, and the run goes on. The cockpit leaves by
itself when the run is over, unless --stay is given; a job of the shell in the
background (&) prints plain lines.
Ctrl-C checkpoints and stops; a second one ends the run at once.`
