/** `absgd replay`: trains a run again with the same seed and the same controls, and compares every number. */
import { Command } from 'commander'
import { AbsgdError } from '../../errors.js'
import { readManifest, runsRoot } from '../../log/run-directory.js'
import { selectRun } from '../../log/select-runs.js'
import { jsonText } from '../../ui/lines/json.js'
import { replayLines } from '../../ui/lines/replay.js'
import { replayRun } from '../../run/replay.js'
import { positiveInteger } from '../options.js'
import { experimentOf } from '../experiment-of.js'
import { toStdout, type Print } from '../output/print.js'
import { freeNameBeside, interpreterFor } from '../start-existing-run.js'

interface ReplayOptions {
  readonly runs?: string
  readonly name?: string
  readonly python?: string
  readonly threads?: number
  readonly json?: true
}

export function replayCommand(print: Print = toStdout): Command {
  return new Command('replay')
    .description('train a run again from what it applied, and compare every number')
    .argument('<run>', 'name of a run, or its directory')
    .option('--name <name>', 'name of the run that is trained (default: RUN-replay)')
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .option('--python <path>', 'interpreter to train with (default: see "absgd setup")')
    .option('--threads <n>', "threads of torch (default: torch's own choice)", positiveInteger)
    .option('--json', 'print the comparison as JSON')
    .addHelpText('after', NOTES)
    .action((run: string, options: ReplayOptions) => replay(run, options, print))
}

async function replay(nameOrPath: string, options: ReplayOptions, print: Print): Promise<void> {
  const dir = selectRun(runsRoot(options.runs), nameOrPath)
  const manifest = readManifest(dir)
  const resolved = await experimentOf(manifest)
  const name = options.name ?? freeNameBeside(dir, 'replay')
  const { threads } = options
  const found = await replayRun(dir, {
    resolved,
    name,
    python: await interpreterFor(manifest, options.python),
    ...(threads === undefined ? {} : { threads }),
  })
  for (const line of options.json === true ? [jsonText(found)] : replayLines(manifest.run, found)) print(line)
  if (found.difference === undefined && found.evaluation === undefined && found.replayed === found.steps)
    return
  throw new AbsgdError('worker', `the replay of "${manifest.run}" is not the run`, {
    hint: 'bit for bit takes the same machine, the same versions, the same number of threads, and deterministic algorithms',
  })
}

const NOTES = `
Exit code 0 when every step is the same bit for bit, 1 when one differs.`
