/** `absgd run`: trains an experiment. */
import { resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { loadExperiment } from '../experiment/load.js'
import { prepareRun } from '../prepare.js'
import { positiveInteger, uiOption } from './options.js'
import { exitCodeOf, follow, startControllerProcess, type Ui } from './follow.js'

interface RunOptions {
  readonly arm?: string
  readonly param: Readonly<Record<string, string>>
  readonly name?: string
  readonly runs?: string
  readonly ui: Ui | 'auto'
  readonly detach?: true
  readonly python?: string
  readonly threads?: number
}

export function runCommand(): Command {
  return new Command('run')
    .description('train an experiment')
    .argument('<experiment>', 'TypeScript file whose default export is defineExperiment(…)')
    .option('--arm <name>', 'one of the arms that the experiment defines')
    .option('--param <key=value>', 'set a parameter; may be given several times', keyValue, {})
    .option('--name <name>', 'name of the run (default: experiment, arm and a number)')
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .addOption(uiOption())
    .option('--detach', 'leave the run to itself; "absgd show" tells how it stands')
    .option('--python <path>', 'interpreter to train with (default: see "absgd setup")')
    .option('--threads <n>', "threads of torch (default: torch's own choice)", positiveInteger)
    .addHelpText('after', EXIT_CODES)
    .action(run)
}

async function run(file: string, options: RunOptions): Promise<void> {
  const { arm, name, runs, python, threads } = options
  const experimentFile = resolve(file)
  const experiment = await loadExperiment(experimentFile)
  const { dir, manifest, ...prepared } = await prepareRun({
    experiment,
    experimentFile,
    params: options.param,
    ...(arm === undefined ? {} : { arm }),
    ...(name === undefined ? {} : { name }),
    ...(runs === undefined ? {} : { runs }),
    ...(python === undefined ? {} : { python }),
    onSetup: (line) => process.stderr.write(`${line}\n`),
  })
  const controller = await startControllerProcess({
    dir,
    python: prepared.python,
    ...(threads === undefined ? {} : { threads }),
  })
  if (options.detach === true) {
    process.stdout.write(
      options.ui === 'json'
        ? `${JSON.stringify({ type: 'detached', run: manifest.run, dir })}\n`
        : `${manifest.run}\n`,
    )
    // Its process is another session's now; waiting for its end would keep this one here.
    process.exit(0)
  }
  const { status } = await follow(controller, manifest, dir, options.ui === 'auto' ? 'plain' : options.ui)
  process.exitCode = exitCodeOf(status)
}

function keyValue(text: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const cut = text.indexOf('=')
  if (cut < 1) throw new InvalidArgumentError('It takes key=value.')
  return { ...before, [text.slice(0, cut)]: text.slice(cut + 1) }
}

const EXIT_CODES = `
Exit code: 0 completed or stopped, 1 failed, 2 wrong usage,
75 broken off and resumable, 130 interrupted (checkpointed, resumable).
Ctrl-C checkpoints and stops; a second one ends the run at once.`
