/** Options that several commands take. */
import { InvalidArgumentError, Option } from 'commander'

export function uiOption(): Option {
  return new Option('--ui <kind>', 'plain lines, one JSON object a line, or nothing')
    .choices(['auto', 'plain', 'json', 'none'])
    .default('auto')
}

export function simulateOption(): Option {
  return new Option('--simulate', 'train a toy without Python instead of the task').conflicts([
    'python',
    'threads',
  ])
}

export function positiveInteger(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1) return value
  throw new InvalidArgumentError('It takes a whole number from 1.')
}

export function wholeNumber(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isInteger(value) && value >= 0) return value
  throw new InvalidArgumentError('It takes a whole number from 0.')
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
