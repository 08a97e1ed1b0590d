/** Options and parsers that several commands share. */
import { InvalidArgumentError, Option } from 'commander'
import { MIRRORS, type MirrorName } from '../record/mirror.js'
import { parseEdit, parseRecipeSetting } from '../experiment/controls/parse-edit.js'

export function simulateOption(): Option {
  return new Option('--simulate', 'train a simulated model without Python instead of the task').conflicts([
    'python',
    'threads',
  ])
}

export function paramOption(): Option {
  return new Option('--param <key=value>', 'set a parameter; may be given several times')
    .argParser(keyValue)
    .default({}, "the experiment's")
}

export function setOption(): Option {
  return new Option(
    '--set <control=schedule>',
    'lambda=-2, "lambda=cosine(-5,-0.5,over=1000)", "lambda=recipe(wrong-labels)": in place of the experiment\'s from the first step on; may be given several times',
  )
    .argParser(controlText)
    .default({}, "the experiment's")
}

export function exactNameOption(): Option {
  return new Option('--exact-name', 'refuse a --name that exists, instead of adding .2, .3, … to it')
}

export function positiveInteger(text: string): number {
  return integerFrom(1, text)
}

export function wholeNumber(text: string): number {
  return integerFrom(0, text)
}

function integerFrom(least: number, text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value
  throw new InvalidArgumentError(`Give a whole number of ${least} or more.`)
}

/** Any number; the caller checks its range. */
export function someNumber(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && !Number.isNaN(value)) return value
  throw new InvalidArgumentError('Give a number.')
}

/** Splits `a,b` at commas. Empty parts are dropped, repeated ones are kept once. */
export function commaSeparated(text: string): readonly string[] {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  if (parts.length > 0) return [...new Set(parts)]
  throw new InvalidArgumentError('Give one name or several, separated by commas.')
}

/** Tools that a run is mirrored in: `tensorboard,wandb`. */
export function mirrorList(text: string): readonly MirrorName[] {
  const names = commaSeparated(text)
  const known: readonly string[] = MIRRORS
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw new InvalidArgumentError(`There is no mirror "${unknown}": give some of ${MIRRORS.join(', ')}.`)
  return names as readonly MirrorName[]
}

/** Adds `control=schedule` to the earlier ones. */
function controlText(
  text: string,
  before: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const chosen = parseRecipeSetting(text)
  if (chosen !== undefined) return { ...before, [chosen.control]: chosen.recipe }
  const { control, to, when } = parseEdit(text)
  if (to.kind === 'factor') throw new InvalidArgumentError('Give a value or a schedule, not a factor.')
  if (when.kind !== 'soon')
    throw new InvalidArgumentError(
      '--set applies from the first step on: leave out @STEP. "absgd set" changes a control later.',
    )
  return { ...before, [control]: to.text }
}

/** Adds `key=value` to the earlier ones. */
function keyValue(text: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const cut = text.indexOf('=')
  if (cut < 1) throw new InvalidArgumentError('Give key=value.')
  return { ...before, [text.slice(0, cut)]: text.slice(cut + 1) }
}
