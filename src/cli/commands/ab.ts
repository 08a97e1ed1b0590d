/** `absgd ab`: trains an experiment in pairs, and says whether λ helps. */
import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { AbsgdError } from '../../errors.js'
import { loadExperiment } from '../../experiment/files/load-experiment.js'
import type { RunSummary } from '../../history/summarize-run.js'
import { planPairSet, type PairSet, type Treatment } from '../../run/pair-set.js'
import { recipeOfText, recipeText } from '../../schedule/recipe/recipe-text.js'
import { comparePairs } from '../../statistics/compare-pairs.js'
import { verdictLines } from '../../ui/lines/verdict.js'
import {
  commaSeparated,
  paramOption,
  positiveInteger,
  setOption,
  simulateOption,
  someNumber,
} from '../options.js'
import type { Answer } from '../output/set-output.js'
import { nearest } from '../../utils/nearest.js'
import { trainRunSet } from '../run-many.js'
import { seedList } from '../seeds.js'
import { chooseLines, uiOption, type UiFlag } from '../ui-option.js'

interface AbOptions {
  readonly recipe?: string
  readonly wrong?: number
  readonly lambda?: string
  readonly arm?: readonly string[]
  readonly seeds: readonly number[]
  readonly metric?: string
  readonly goal?: 'max' | 'min'
  readonly matters: number
  readonly jobs: number
  readonly param: Readonly<Record<string, string>>
  readonly set: Readonly<Record<string, string>>
  readonly name?: string
  readonly runs?: string
  readonly ui: UiFlag
  readonly python?: string
  readonly threads?: number
  readonly simulate?: true
}

export function abCommand(): Command {
  return new Command('ab')
    .description('does λ help? train with and without it, paired by seed, and answer in words')
    .argument('<experiment>', 'TypeScript file whose default export is defineExperiment(…)')
    .addOption(
      new Option('--recipe <kind>', 'against λ off: wrong-labels or rare-groups').choices([
        'wrong-labels',
        'rare-groups',
      ]),
    )
    .option('--wrong <share>', 'the share of wrong labels, as far as it is known: 0.2', someNumber)
    .option('--lambda <schedule>', 'against λ off: -2, "join(off.for(200), exponential(-5,-0.5,over=1000))"')
    .option(
      '--arm <names>',
      'a,b: the second arm against the first; or one arm, for --recipe or --lambda',
      commaSeparated,
    )
    .option('--seeds <n>', 'train seeds 0 to n-1, or those given: 200-209, 1,2,7', seedList, [0, 1, 2])
    .option('--metric <name>', "what decides, after the last step (default: the experiment's objective)")
    .addOption(
      new Option(
        '--goal <goal>',
        'whether larger is better (default: as the objective says; min for a loss or an error)',
      ).choices(['max', 'min']),
    )
    .option(
      '--matters <d>',
      'the smallest difference that matters, in the unit of the metric',
      someNumber,
      0.005,
    )
    .option('--jobs <n>', 'so many runs at a time', positiveInteger, 1)
    .addOption(paramOption())
    .addOption(setOption())
    .option('--name <name>', "what the runs' names begin with (default: the experiment's name and -ab)")
    .option('--runs <dir>', 'folder of runs (default: $ABSGD_RUNS, else ./runs)')
    .addOption(uiOption())
    .option('--python <path>', 'interpreter to train with (default: see "absgd setup")')
    .option(
      '--threads <n>',
      "threads of torch (default: torch's own choice; with --jobs, its share of the cores)",
      positiveInteger,
    )
    .addOption(simulateOption())
    .addHelpText('after', WHAT)
    .action(compareInPairs)
}

async function compareInPairs(file: string, options: AbOptions): Promise<void> {
  const { arm, recipe, wrong, lambda, seeds, metric, goal, matters, ui, name, runs, ...others } = options
  const treatment = treatmentOf({ arm, recipe, wrong, lambda })
  if (!(matters > 0)) {
    throw new AbsgdError('usage', `--matters is ${matters}`, { hint: 'it must be above 0' })
  }
  const experimentFile = resolve(file)
  const planned = await planPairSet(
    {
      experiment: await loadExperiment(experimentFile),
      experimentFile,
      params: others.param,
      set: others.set,
      seeds,
      ...(name === undefined ? {} : { name }),
      ...(runs === undefined ? {} : { runs }),
      ...(others.simulate === undefined ? {} : { simulate: others.simulate }),
    },
    treatment,
  )
  const isWrongLabels = [recipe, lambda].some((text) => text?.includes('wrong-labels') === true)
  await trainRunSet(planned.set, {
    ...others,
    ui: chooseLines(ui, 'several runs'),
    answer: (summaries) => answerOf(planned, summaries, { metric, goal, matters, isWrongLabels }),
  })
}

type Asked = Pick<AbOptions, 'arm' | 'recipe' | 'wrong' | 'lambda'>

function treatmentOf({
  arm,
  recipe,
  wrong,
  lambda,
}: { [K in keyof Asked]: Asked[K] | undefined }): Treatment {
  if (wrong !== undefined && recipe === undefined)
    throw new AbsgdError('usage', '--wrong belongs to a recipe', { hint: 'add --recipe wrong-labels' })
  if (recipe !== undefined && lambda !== undefined)
    throw new AbsgdError('usage', '--recipe and --lambda both set λ', { hint: 'give one of them' })
  const text = recipe === undefined ? lambda : recipeText(recipe, wrong)
  if (text !== undefined) {
    // A recipe that does not exist is said in the words of a recipe, before anything else.
    recipeOfText(text)
    if (arm === undefined) return { kind: 'lambda', text }
    const [only, ...more] = arm
    if (only !== undefined && more.length === 0) return { kind: 'lambda', text, arm: only }
    throw new AbsgdError('usage', 'two arms, and a λ besides', {
      hint: '--arm a,b compares two arms; with --recipe or --lambda give one arm',
    })
  }
  const [first, second, ...more] = arm ?? []
  if (first !== undefined && second !== undefined && more.length === 0)
    return { kind: 'arms', arms: [first, second] }
  throw new AbsgdError('usage', 'nothing is compared', {
    hint: 'add --recipe wrong-labels or --lambda SCHEDULE (against λ off), or two arms: --arm a,b',
  })
}

interface Question {
  readonly metric: string | undefined
  readonly goal: 'max' | 'min' | undefined
  readonly matters: number
  readonly isWrongLabels: boolean
}

function answerOf(
  { set, pairs, names }: PairSet,
  summaries: readonly RunSummary[],
  { metric, goal, matters, isWrongLabels }: Question,
): ReturnType<Answer> {
  const completed = new Map(
    summaries.filter(({ status }) => status === 'completed').map((summary) => [summary.run, summary]),
  )
  if (completed.size < set.runs.length) {
    const missing = set.runs.length - completed.size
    const text = `no answer yet: ${missing} of ${set.runs.length} runs are not completed`
    return { json: { type: 'ab', verdict: null, missing }, lines: [text] }
  }
  const found = comparePairs({
    names,
    pairs: pairs.map(({ first, second }) => [completed.get(first)!, completed.get(second)!] as const),
    matters,
    metric: metricOf(metric, [...completed.values()]),
    ...(goal === undefined ? {} : { wins: goal === 'max' ? ('larger' as const) : ('lower' as const) }),
  })
  return { json: { type: 'ab', missing: 0, ...found }, lines: verdictLines(found, { isWrongLabels }) }
}

function metricOf(asked: string | undefined, runs: readonly RunSummary[]): string {
  const known = [...new Set(runs.flatMap(({ final }) => Object.keys(final)))].sort()
  const metric = asked ?? runs[0]?.config.objective?.metric
  if (metric !== undefined && known.includes(metric)) return metric
  if (metric === undefined) {
    throw new AbsgdError('usage', 'the experiment has no objective, and no metric is given', {
      hint: `give --metric, one of: ${known.join(', ')}`,
    })
  }
  const near = nearest(metric, known)
  throw new AbsgdError('usage', `no run has the metric "${metric}"`, {
    hint: near.length > 0 ? `did you mean ${near.join(', ')}?` : `there are: ${known.join(', ')}`,
  })
}

const WHAT = `
Each seed is trained twice: with λ off and with --recipe or --lambda, or in two
arms. Values are those after the last step. The answer is "helps", "hurts",
"makes no difference that matters", or "cannot tell yet" with the number of
further seeds it may take. Nothing is trained twice: the same command goes on
where it was broken off, also with more seeds. The experiment needs a parameter
"seed". For a script without an experiment: absgd-run --ab.`
