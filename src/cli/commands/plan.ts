/** `absgd plan`: shows the controls of an experiment, or writes them to a file. Starts nothing and needs no Python. */
import { resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { describeConfig } from '../../experiment/manifest-config.js'
import { loadExperiment } from '../../experiment/files/load-experiment.js'
import { previewRun, type Preview } from '../../experiment/preview.js'
import { resolveExperiment } from '../../experiment/resolve-experiment.js'
import { isAsciiOnly } from '../../ui/text/charset.js'
import { jsonText } from '../../ui/lines/json.js'
import { WIDTH } from '../../ui/text/layout.js'
import { planLines, type PlannedSettings } from '../../ui/lines/plan.js'
import { armsOf } from '../../run/run-set.js'
import { epochs, stepCount, type Duration } from '../../schedule/duration.js'
import { commaSeparated, paramOption, positiveInteger } from '../options.js'
import { isExperimentFile, planOfExperiment, planOfRun, writePlanFile } from '../output/plan-output.js'
import { toStdout, type Print } from '../output/print.js'

interface PlanOptions {
  readonly arm?: readonly string[]
  readonly param: Readonly<Record<string, string>>
  readonly stepsPerEpoch?: number
  readonly at?: readonly Duration[]
  readonly json?: true
  readonly output?: string
  readonly steps?: number
  readonly runs?: string
}

export function planCommand(print: Print = toStdout): Command {
  return new Command('plan')
    .description('show every control of an experiment over its run; starts nothing')
    .argument(
      '<experiment>',
      'TypeScript file whose default export is defineExperiment(…); with -o a run too',
    )
    .option('--arm <names>', 'an arm of the experiment; several: a,b or all', commaSeparated)
    .addOption(paramOption())
    .option('--steps-per-epoch <n>', 'training samples / batch size, rounded up', positiveInteger)
    .option('--at <points>', 'values at these steps, epochs with an e: 0,100,5e', points)
    .option('--json', 'print one JSON object, one a line for several arms')
    .option('-o, --output <file>', 'write the value of every step for Python alone: absgd-run --plan FILE')
    .option('--steps <n>', 'with -o: so many steps', positiveInteger)
    .option('--runs <dir>', 'with -o and a run: folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .addHelpText('after', WHAT)
    .action((file: string, options: PlanOptions) => plan(file, options, print))
}

async function plan(file: string, options: PlanOptions, print: Print): Promise<void> {
  const { param: params, stepsPerEpoch, at } = options
  if (options.output !== undefined) return write(file, options.output, options, print)
  const experiment = await loadExperiment(resolve(file))
  const plans = armsOf(experiment, options.arm).map((arm) => {
    const resolved = resolveExperiment(experiment, { ...(arm === undefined ? {} : { arm }), params })
    const preview = previewRun(resolved, {
      ...(stepsPerEpoch === undefined ? {} : { stepsPerEpoch }),
      ...(at === undefined ? {} : { at }),
    })
    const { evaluate, checkpoint } = describeConfig(resolved)
    const settings = { experiment: resolved.name, params: resolved.params, evaluate, checkpoint }
    return { settings: { ...settings, ...(arm === undefined ? {} : { arm }) }, preview }
  })
  const width = process.stdout.isTTY ? Math.min(MAX_WIDTH, process.stdout.columns) : WIDTH
  for (const [i, { settings, preview }] of plans.entries()) {
    if (options.json === true) {
      print(jsonText(objectOf(settings, preview)))
      continue
    }
    if (i > 0) print('')
    for (const line of planLines(settings, preview, { width, ascii: isAsciiOnly(process.env) })) print(line)
  }
}

async function write(from: string, file: string, options: PlanOptions, print: Print): Promise<void> {
  const plan = isExperimentFile(from)
    ? planOfExperiment(await loadExperiment(resolve(from)), options)
    : await planOfRun(from, options.runs)
  writePlanFile(file, plan)
  print(`${file}: ${Object.keys(plan.controls).join(', ')} over ${plan.runSteps.toLocaleString('en')} steps`)
}

function objectOf({ experiment, arm, params }: PlannedSettings, preview: Preview) {
  const { unit, stepsPerEpoch, length, at, evaluate, checkpoint, warnings } = preview
  const controls = preview.controls.map(({ name, schedule, values }) => [name, { schedule, values }] as const)
  const run = { experiment, arm: arm ?? null, params, unit, stepsPerEpoch, length }
  return { type: 'plan', ...run, at, controls: Object.fromEntries(controls), evaluate, checkpoint, warnings }
}

function points(text: string): readonly Duration[] {
  const parts = new Set(text.split(',').map((part) => part.trim()))
  return [...parts].map((part) => {
    const [, number = '', e] = /^(\d+(?:\.\d+)?)(e?)$/.exec(part) ?? []
    if (e === 'e') return epochs(Number(number))
    if (number !== '' && Number.isSafeInteger(Number(number))) return stepCount(Number(number))
    throw new InvalidArgumentError('Give steps, or epochs with an e, separated by commas: 0,100,2.5e.')
  })
}

const MAX_WIDTH = 120
const WHAT = `
An experiment that speaks in epochs alone is shown in epochs; with
--steps-per-epoch, and where it speaks of both, in steps. A value is that of the
step that begins there. Evaluations and checkpoints are after so many steps.
In JSON, a lambda that is off is "Infinity".

With -o, an experiment in epochs takes --steps-per-epoch; of a run it is what
was applied, edits and feedback included. A plan has no guard.`
