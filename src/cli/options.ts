/** Options that several commands take. */
import { InvalidArgumentError, Option } from 'commander'
import { parseEdit } from '../experiment/controls/parse-edit.js'

export function simulateOption(): Option {
  return new Option('--simulate', 'train a toy without Python instead of the task').conflicts([
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
    'lambda=-2, "lambda=cosine(-5,-0.5,over=1000)": in place of the experiment\'s from the first step on; may be given several times',
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
  throw new InvalidArgumentError(`It takes a whole number from ${least}.`)
}

/** Its range is for others to check. */
export function someNumber(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && !Number.isNaN(value)) return value
  throw new InvalidArgumentError('It takes a number.')
}

/** `a,b`; empty parts are dropped. */
export function commaSeparated(text: string): readonly string[] {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  if (parts.length > 0) return [...new Set(parts)]
  throw new InvalidArgumentError('It takes one name or several, separated by commas.')
}

/** `control=schedule`, on top of those before it. */
function controlText(
  text: string,
  before: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const { control, to, when } = parseEdit(text)
  if (to.kind === 'factor') throw new InvalidArgumentError('It takes a value or a schedule, not a factor.')
  if (when.kind !== 'soon')
    throw new InvalidArgumentError(
      'It holds from the first step on: leave @STEP out; "absgd set" edits later.',
    )
  return { ...before, [control]: to.text }
}

/** `key=value`, on top of those before it. */
function keyValue(text: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const cut = text.indexOf('=')
  if (cut < 1) throw new InvalidArgumentError('It takes key=value.')
  return { ...before, [text.slice(0, cut)]: text.slice(cut + 1) }
}
