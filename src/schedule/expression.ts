/** Schedules as text: what a command line takes, and what a log keeps. */
import { AbsgdError } from '../errors.js'
import { constant, off } from './anneal.js'
import type { Source } from './schedule.js'

export function parseSchedule(text: string): Source {
  if (text === 'off') return off()
  const value = Number(text)
  if (text.trim() !== '' && !Number.isNaN(value)) return constant(value)
  throw new AbsgdError('usage', `"${text}" is no schedule`)
}

export function writeSchedule(source: Source): string {
  if (source.shape.kind === 'constant') return String(source.shape.value)
  throw new AbsgdError('usage', 'not yet')
}
