/** `absgd init`: looks at a training script, proposes what to type and to change, and writes an experiment for it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { firstLook } from '../../environment/first-look.js'
import { AbsgdError } from '../../errors.js'
import { experimentText } from '../../experiment/files/experiment-text.js'
import { findingsSchema } from '../../experiment/files/first-look.js'
import { recipeOfText, recipeText } from '../../schedule/recipe/recipe-text.js'
import { initLines } from '../../ui/lines/init.js'
import { someNumber } from '../options.js'
import { toStdout, type Print } from '../output/print.js'

interface InitOptions {
  readonly recipe: string
  readonly wrong?: number
  readonly write?: true
  readonly force?: true
  readonly python?: string
}

export function initCommand(print: Print = toStdout): Command {
  return new Command('init')
    .description('look at a training script: what to type, what to change, and an experiment for it')
    .argument('<script>', 'a Python file; it is read, not run')
    .addOption(
      new Option('--recipe <kind>', 'what is proposed')
        .choices(['wrong-labels', 'rare-groups'])
        .default('wrong-labels'),
    )
    .option('--wrong <share>', 'the share of wrong labels, as far as it is known: 0.2', someNumber)
    .option('--write', 'change the script as the diff shows')
    .option('--force', 'write experiment.ts in place of one that is there')
    .option('--python <path>', 'interpreter that reads the script (default: the active one, .venv, python3)')
    .addHelpText('after', WHAT)
    .action((script: string, options: InitOptions) => init(script, options, print))
}

async function init(script: string, options: InitOptions, print: Print): Promise<void> {
  const { recipe, wrong, write = false, force = false, python } = options
  recipeOfText(recipeText(recipe, wrong))
  requireScript(script)
  const experimentFile = join(dirname(resolve(script)), 'experiment.ts')
  if (existsSync(experimentFile) && !force) {
    throw new AbsgdError('usage', `${experimentFile} exists`, {
      hint: '--force writes another in its place; move it to keep it',
    })
  }
  const before = readFileSync(script)
  const found = findingsSchema.parse(await firstLook(script, recipe, python))
  const isWritten = write && found.diff !== ''
  if (isWritten) {
    if (!readFileSync(script).equals(before))
      throw new AbsgdError('usage', `${script} has changed meanwhile`, { hint: 'repeat the command' })
    writeFileSync(script, found.changed)
  }
  const name = basename(script, extname(script)).slice(0, 64)
  writeFileSync(experimentFile, experimentText(found, { name, script: basename(script), recipe, wrong }))
  for (const line of initLines(found, { script, recipe, wrong, isWritten })) print(line)
  print('')
  print(`wrote ${experimentFile}: absgd plan experiment.ts --arm recipe shows it, and`)
  print('  absgd ab experiment.ts --arm off,recipe --metric … compares, where the script has a --seed')
}

function requireScript(script: string): void {
  if (extname(script) === '.ipynb') {
    throw new AbsgdError('usage', `${script} is a notebook`, {
      hint: 'in a notebook use "with absgd.session(recipe=…)" around the loop (docs/integrate.md), or save it as a script: jupyter nbconvert --to script',
    })
  }
  if (!existsSync(script))
    throw new AbsgdError('usage', `there is no file ${script}`, { hint: 'name a training script: train.py' })
}

const WHAT = `
Prints the absgd-run lines that need no change, and the few lines that make
samples known: the loader tracked, or a callback for a Trainer. Writes
experiment.ts beside the script: its arguments with known defaults are
parameters, with λ off in one arm and the recipe in the other. The script is
changed with --write alone.`
