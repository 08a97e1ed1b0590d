/** `absgd attach`: waits for a script that the user starts in another terminal, and controls it. */
import { resolve } from 'node:path'
import { Command } from 'commander'
import { loadExperiment } from '../../experiment/files/load-experiment.js'
import { experimentOfScript } from '../../experiment/script-without-experiment.js'
import { prepareRun } from '../../run/prepare.js'
import { awaitScript } from '../await-script.js'
import { startAndFollow } from '../follow.js'
import { exactNameOption, paramOption, setOption } from '../options.js'
import { chooseUi, stayOption, uiOption, type UiFlag } from '../ui.js'

interface AttachOptions {
  readonly arm?: string
  readonly param: Readonly<Record<string, string>>
  readonly set: Readonly<Record<string, string>>
  readonly name?: string
  readonly exactName?: true
  readonly runs?: string
  readonly ui: UiFlag
  readonly stay?: true
}

export function attachCommand(): Command {
  return new Command('attach')
    .description('wait for a script that you start yourself, and control it')
    .argument('[experiment]', 'TypeScript file with its controls (default: lambda off, until "absgd set")')
    .option('--arm <name>', 'an arm of the experiment')
    .addOption(paramOption())
    .addOption(setOption())
    .option('--name <name>', 'name of the run (default: experiment, arm and a number)')
    .addOption(exactNameOption())
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .addOption(uiOption())
    .addOption(stayOption())
    .addHelpText('after', WHAT)
    .action(attach)
}

async function attach(file: string | undefined, options: AttachOptions): Promise<void> {
  const { arm, name, runs, param: params, set } = options
  const ui = chooseUi(options.ui)
  const experimentFile = file === undefined ? undefined : resolve(file)
  const experiment =
    experimentFile === undefined ? experimentOfScript('attached') : await loadExperiment(experimentFile)
  const { dir, manifest, resolved } = await prepareRun({
    experiment,
    params,
    set,
    exactName: options.exactName === true,
    attach: true,
    onSetup: (line) => process.stderr.write(`absgd: ${line}\n`),
    ...(experimentFile === undefined ? {} : { experimentFile }),
    ...(arm === undefined ? {} : { arm }),
    ...(name === undefined ? {} : { name }),
    ...(runs === undefined ? {} : { runs }),
  })
  await startAndFollow({ dir, python: undefined }, manifest, {
    ui,
    runs,
    stay: options.stay,
    started: (controller) => awaitScript(dir, resolved.program, controller),
  })
}

const WHAT = `
Prints the command that starts the script in another terminal of this machine,
and shows the run once it has joined, with its first training step. The run ends
with the script. Should the controller die, the script trains on to the end of
its plan, and "absgd resume RUN" finds it again.
Ctrl-C stops the script; exit codes are those of "absgd run".`
