/** Every message about wrong input that tests hold as text: elsewhere they hold codes, numbers and states. */
import type { Command } from 'commander'
import { CommanderError } from 'commander'
import { expect, test } from 'vitest'
import { compareCommand } from '../../src/cli/commands/compare.js'
import { planCommand } from '../../src/cli/commands/plan.js'
import { runCommand } from '../../src/cli/commands/run.js'
import { samplesCommand } from '../../src/cli/commands/samples.js'
import { showCommand } from '../../src/cli/commands/show.js'
import { suggestCommand } from '../../src/cli/commands/suggest.js'
import { watchCommand } from '../../src/cli/commands/watch.js'
import { whatIfCommand } from '../../src/cli/commands/what-if.js'
import { exitCodeOfError } from '../../src/cli/exit-code.js'
import { AbsgdError } from '../../src/errors.js'
import { fixturePath, namesIn } from '../helpers/cli.js'
import { ended, joined, sampleInfo, samples, started, steps } from '../helpers/records.js'
import { temporaryRoot, writeRun } from '../helpers/runs.js'

const SIMULATED = fixturePath('simulated.ts')
const COMMANDS = {
  run: runCommand,
  plan: planCommand,
  show: showCommand,
  watch: watchCommand,
  compare: compareCommand,
  samples: samplesCommand,
  'what-if': whatIfCommand,
  suggest: suggestCommand,
} satisfies Record<string, () => Command>

type Row = readonly [command: keyof typeof COMMANDS, args: readonly string[], code: string, message: string]

const ROWS: readonly Row[] = [
  [
    'run',
    [SIMULATED, '--simulate', '--nmae', 'x'],
    'commander.unknownOption',
    "error: unknown option '--nmae'\n(Did you mean --name?)",
  ],
  [
    'run',
    [SIMULATED, '--simulate', '--arm', 'plian'],
    'usage',
    'unknown arm "plian" (did you mean "plain"?); known: plain',
  ],
  [
    'run',
    [SIMULATED, '--simulate', '--param', 'sede=1'],
    'usage',
    'unknown parameter "sede" (did you mean "seed"?); known: seed, noise, length',
  ],
  [
    'run',
    [SIMULATED, '--simulate', '--param', 'seed'],
    'commander.invalidArgument',
    "error: option '--param <key=value>' argument 'seed' is invalid. Give key=value.",
  ],
  [
    'run',
    [SIMULATED, '--simulate', '--param', 'seed=x'],
    'usage',
    'the parameters do not hold: seed is "x"; it takes a whole number',
  ],
  [
    'run',
    [SIMULATED, '--simulate', '--set', 'lambda*=2'],
    'commander.invalidArgument',
    "error: option '--set <control=schedule>' argument 'lambda*=2' is invalid. Give a value or a schedule, not a factor.",
  ],
  [
    'run',
    [SIMULATED, '--simulate', '--set', 'lambda=2@100'],
    'commander.invalidArgument',
    "error: option '--set <control=schedule>' argument 'lambda=2@100' is invalid. --set applies from the first step on: leave out @STEP. \"absgd set\" changes a control later.",
  ],
  [
    'run',
    [SIMULATED, '--simulate', '--set', 'lamda=2'],
    'experiment',
    'unknown control "lamda": did you mean "lambda"?',
  ],
  ['run', [SIMULATED, '--simulate', '--set', 'lambda=0'], 'experiment', 'lambda is 0 at step 0'],
  ['run', [SIMULATED, '--simulate', '--name', '../x'], 'run-directory', '"../x" cannot be the name of a run'],
  [
    'run',
    [SIMULATED, '--simulate', '--name', 'digits-1', '--exact-name'],
    'run-directory',
    'a run named "digits-1" exists in ROOT',
  ],
  [
    'run',
    [SIMULATED, '--simulate', '--jobs', '0'],
    'commander.invalidArgument',
    "error: option '--jobs <n>' argument '0' is invalid. Give a whole number of 1 or more.",
  ],
  [
    'run',
    [SIMULATED, '--simulate', '--seeds', '5-3'],
    'commander.invalidArgument',
    "error: option '--seeds <n>' argument '5-3' is invalid. Give a number of seeds of 1 or more (5 means 0 to 4), or a list of seeds: 200-209, or 200,201,205-209.",
  ],
  [
    'run',
    [SIMULATED, '--simulate', '--seeds', '10001'],
    'commander.invalidArgument',
    "error: option '--seeds <n>' argument '10001' is invalid. At most 10000 seeds, none above 2^53.",
  ],
  [
    'run',
    [SIMULATED, '--simulate', '--pace', 'fast'],
    'commander.invalidArgument',
    "error: option '--pace <n>' argument 'fast' is invalid. Give a number.",
  ],
  ['run', [SIMULATED, '--simulate', '--pace', '0'], 'usage', 'a pace of 0 steps a second is not possible'],
  ['run', [SIMULATED, '--pace', '5'], 'usage', 'a pace of 5 steps a second is not possible'],
  [
    'run',
    [SIMULATED, '--simulate', '--python', 'python3'],
    'commander.conflictingOption',
    "error: option '--simulate' cannot be used with option '--python <path>'",
  ],
  [
    'run',
    [SIMULATED, '--simulate', '--ui', 'loud'],
    'commander.invalidArgument',
    "error: option '--ui <kind>' argument 'loud' is invalid. Allowed choices are auto, cockpit, plain, json, none.",
  ],
  ['run', [SIMULATED, '--simulate', '--seeds', '2', '--detach'], 'usage', '--detach takes one run'],
  [
    'run',
    [SIMULATED, '--simulate', '--seeds', '2', '--ui', 'cockpit'],
    'usage',
    '--ui cockpit does not show several runs while they are trained one after the other',
  ],
  [
    'plan',
    [SIMULATED, '--at', 'soon'],
    'commander.invalidArgument',
    "error: option '--at <points>' argument 'soon' is invalid. Give steps, or epochs with an e, separated by commas: 0,100,2.5e.",
  ],
  ['plan', [SIMULATED, '--at', '301'], 'usage', '301 steps lie outside the run'],
  [
    'plan',
    [SIMULATED, '--at', '61e'],
    'usage',
    '61 epochs cannot be placed: the steps of an epoch are not known',
  ],
  [
    'plan',
    [SIMULATED, '--arm', 'plian'],
    'usage',
    'unknown arm "plian" (did you mean "plain"?); known: plain',
  ],
  [
    'plan',
    [SIMULATED, '--steps-per-epoch', '0'],
    'commander.invalidArgument',
    "error: option '--steps-per-epoch <n>' argument '0' is invalid. Give a whole number of 1 or more.",
  ],
  [
    'plan',
    [SIMULATED, '--steps', '301', '-o', 'plan.json'],
    'usage',
    '--steps 301: "imagined" trains 300 steps',
  ],
  ['show', ['digtis-1'], 'run-directory', 'there is no run "digtis-1" in ROOT'],
  ['show', ['other'], 'run-directory', 'there is no run "other" in ROOT'],
  ['show', ['z*'], 'run-directory', 'no run matches "z*" in ROOT'],
  ['watch', ['digits-1', 'digits-2', '--ui', 'plain'], 'usage', '--ui plain shows one run, and 2 are named'],
  [
    'compare',
    ['digits-1', '--metric', 'val.acuracy'],
    'usage',
    'no completed run has the metric "val.acuracy"',
  ],
  ['compare', ['digits-1', '--baseline', 'sdg'], 'usage', 'no run is of the arm "sdg"'],
  ['compare', ['digits-9'], 'run-directory', 'there is no run and no experiment "digits-9" in ROOT'],
  [
    'samples',
    ['digits-1', '--suspects', '2.5'],
    'commander.invalidArgument',
    "error: option '--suspects [n]' argument '2.5' is invalid. Give a whole number of 1 or more.",
  ],
  [
    'samples',
    ['digits-1', '--class', ' '],
    'commander.invalidArgument',
    "error: option '--class <label>' argument ' ' is invalid. Give a whole number of 0 or more.",
  ],
  ['samples', ['digits-1', '--class', '7'], 'usage', 'no sample of the run "digits-1" has the label 7'],
  [
    'samples',
    ['digits-1', '--csv', '--json'],
    'commander.conflictingOption',
    "error: option '--csv' cannot be used with option '--json'",
  ],
  ['what-if', ['digits-1'], 'commander.missingArgument', "error: missing required argument 'values'"],
  ['what-if', ['digits-1', 'lambda=0'], 'usage', 'lambda is 0, must be a number other than 0'],
  ['what-if', ['digits-1', 'ess=1.2'], 'usage', 'ess is 1.2, must be a ratio above 0, at most 1'],
  ['what-if', ['digits-1', 'kl=-1'], 'usage', 'kl is -1, must be a number of nats from 0'],
  ['what-if', ['digits-1', 'lamda=-1'], 'usage', '"lamda=-1" is not a candidate (did you mean "lambda"?)'],
  ['what-if', ['digits-1', 'temperature=1'], 'usage', '"temperature=1" is not a candidate'],
  ['what-if', ['digits-1', 'lambda=x'], 'usage', '"lambda=x" is not a candidate'],
  [
    'what-if',
    ['digits-1', 'ess=0.01'],
    'usage',
    'no lambda below 0 gives these losses a mean ESS ratio of 0.01: 0.1 is the least',
  ],
  [
    'what-if',
    ['digits-1', 'ess=0.6', '--sign', 'x'],
    'commander.invalidArgument',
    "error: option '--sign <sign>' argument 'x' is invalid. Allowed choices are +, -.",
  ],
  [
    'suggest',
    ['digits-1', '--wrong', '1'],
    'commander.invalidArgument',
    "error: option '--wrong <share>' argument '1' is invalid. Give a number above 0 and below 1: 0.3 means that 3 of 10 labels are wrong.",
  ],
]

test.each(ROWS)('absgd %s %j is refused as %s', async (name, args, code, message) => {
  const root = temporaryRoot()
  const losses = Array.from({ length: 10 }, (_, i) => i)
  const bodies = [
    started(),
    joined({ datasetSize: 10 }),
    steps(0, 1, { controls: { lambda: Float64Array.of(-4) } }),
    sampleInfo(losses.map((i) => i % 2)),
    samples(0, losses, losses),
    ended(1),
  ]
  await writeRun(root, bodies)
  await writeRun(root, bodies, { run: 'digits-2' })
  const refusal = await refusalOf(COMMANDS[name](), name, [...args, ...rootOption(name, root)])
  expect({ ...refusal, message: refusal.message.replaceAll(root, 'ROOT') }).toEqual({
    code,
    exitCode: 2,
    message,
  })
  expect(namesIn(root).sort()).toEqual(['digits-1', 'digits-2'])
})

test.each([
  ['usage', 2],
  ['experiment', 2],
  ['run-directory', 2],
  ['environment', 1],
  ['log', 1],
  ['protocol', 1],
  ['worker', 1],
  ['refused', 1],
  ['unreachable', 1],
] as const)('an error of the kind %s has the exit code %d', (code, exitCode) => {
  expect(exitCodeOfError(code)).toBe(exitCode)
})

function rootOption(name: string, root: string): string[] {
  return name === 'plan' ? [] : ['--runs', root]
}

async function refusalOf(command: Command, name: string, args: readonly string[]) {
  command
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ writeErr: () => undefined })
  try {
    await command.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (error instanceof AbsgdError)
      return { code: error.code, exitCode: exitCodeOfError(error.code), message: error.message }
    // main.ts ends with 2 for whatever commander refuses.
    if (error instanceof CommanderError)
      return { code: error.code, exitCode: error.exitCode === 0 ? 0 : 2, message: error.message }
    throw error
  }
  throw new Error(`absgd ${name} ${args.join(' ')} was not refused`)
}
