/** `absgd mirror`: writes a run to TensorBoard, wandb or MLflow, live or finished. */
import { Command } from 'commander'
import { AbsgdError } from '../../errors.js'
import { tailRun } from '../../log/follow-run.js'
import { readMirrors } from '../../log/mirrors-file.js'
import { readManifest, runsRoot } from '../../log/run-directory.js'
import { readRunSummary } from '../../log/run-summary.js'
import { selectRun } from '../../log/select-runs.js'
import { startFed } from '../../process/fed.js'
import { MIRRORS, type MirrorName } from '../../record/mirror.js'
import { mirrorCommand, requireMirrors } from '../../run/mirrors.js'
import { endLine, recordLine } from '../../ui/lines/json.js'
import { mirrorList } from '../options.js'
import { toStdout, type Print } from '../output/print.js'
import { anyInterpreter } from '../start-existing-run.js'

interface MirrorOptions {
  readonly to: readonly MirrorName[]
  readonly project?: string
  readonly python?: string
  readonly runs?: string
}

export function mirrorCommandOf(print: Print = toStdout): Command {
  return new Command('mirror')
    .description('write a run to TensorBoard, wandb or MLflow, live or finished')
    .argument('<run>', 'name of a run, or its directory')
    .requiredOption('--to <tools>', `some of ${MIRRORS.join(',')}`, mirrorList)
    .option('--project <name>', "of wandb and MLflow (default: the experiment's name)")
    .option('--python <path>', 'interpreter with their packages (default: see "absgd setup")')
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .addHelpText('after', WHAT)
    .action((run: string, options: MirrorOptions) => mirror(run, options, print))
}

async function mirror(nameOrPath: string, options: MirrorOptions, print: Print): Promise<void> {
  const dir = selectRun(runsRoot(options.runs), nameOrPath)
  readManifest(dir)
  const python = await anyInterpreter(options.python)
  await requireMirrors(python, options.to)
  const { project } = options
  const { args, env } = mirrorCommand(dir, options.to, project === undefined ? {} : { project })
  const writer = startFed(python, args, { env })
  for await (const record of tailRun(dir, { streams: ['steps'] })) {
    for (const line of recordLine(record)) await writer.write(`${line}\n`)
    // A controller that goes on with the run starts a mirror of its own.
    if (record.body.type === 'run-ended') break
  }
  const summary = await readRunSummary(dir)
  await writer.write(`${endLine(summary)}\n`)
  const { exitCode } = await writer.end()
  for (const { name, place, command } of readMirrors(dir))
    if (options.to.includes(name)) print(`${name}: ${command ?? place}`)
  if (exitCode !== 0)
    throw new AbsgdError('environment', 'a mirror has failed; see above', {
      hint: `the same command goes on where it stopped: absgd mirror ${nameOrPath} --to ${options.to.join(',')}`,
    })
}

const WHAT = `
Reads the log alone: training does not wait for it, and goes on if it fails.
"absgd run --mirror wandb", or mirror of the experiment, starts it with the run.
What was written is not written again, so that it may be repeated; a run that is
resumed goes on in the same run of wandb and MLflow, and in a new file of
TensorBoard. wandb is online if it has a key (wandb login) and WANDB_MODE does
not say otherwise; offline it prints what uploads it.`
