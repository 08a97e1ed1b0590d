/** The functions that can be called in the text of a schedule, and their arguments. */
import { nearest } from '../utils/nearest.js'
import { AbsgdError } from '../errors.js'
import { constant, cosine, exponential, linear, off, piecewise, steps } from './anneal.js'
import { bound, join, scale, twoStage } from './combine-schedules.js'
import { epochs, stepCount, type Duration } from './duration.js'
import { isSource, type Piece, type Source } from './schedule.js'
import { warmup } from './warmup.js'

/** A word such as `none` is a string. */
export type Value = number | Source | Duration | string | readonly (readonly [number | Duration, number])[]

export interface Arguments {
  readonly unnamed: readonly Value[]
  readonly named: ReadonlyMap<string, Value>
}

export const WORDS: ReadonlySet<string> = new Set([
  ...['value', 'log', 'inverse'],
  ...['none', 'linear', 'cosine', 'exponential'],
])

/** @throws AbsgdError 'usage' for arguments that the function does not have, 'experiment' as the function throws it */
export function call(name: string, args: Arguments): Value {
  return CALLS.get(name)!(args)
}

export function isCallable(name: string): boolean {
  return CALLS.has(name)
}

/** `"cosine"? one of off, constant, …`: the most similar name, and all names. */
export function names(given: string): string {
  const [near] = nearest(given, [...CALLS.keys()])
  return `${near === undefined ? '' : `"${near}"? `}one of ${[...CALLS.keys()].join(', ')}`
}

/** The arguments by name; unnamed arguments are assigned in order. The called function checks the values. */
function byName(name: keyof typeof TAKEN, { unnamed, named }: Arguments): never {
  const [order, others]: readonly [readonly string[], readonly string[]] = TAKEN[name]
  const known = [...order, ...others]
  if (unnamed.length > order.length) {
    throw new AbsgdError('usage', `${name} takes ${order.join(', ')}, not ${unnamed.length} of them`, {
      ...(others.length === 0 ? {} : { hint: `by name it takes ${others.join(', ')} too` }),
    })
  }
  const found = new Map(unnamed.map((value, i) => [order[i]!, value]))
  for (const [key, value] of named) {
    if (!known.includes(key)) {
      throw new AbsgdError('usage', `${name} has no argument "${key}"`, {
        hint: `it takes ${known.join(', ')}`,
      })
    }
    if (found.has(key)) throw new AbsgdError('usage', `${name} is given ${key} twice`)
    found.set(key, value)
  }
  for (const list of LISTS) {
    if (order.includes(list) && !Array.isArray(found.get(list))) {
      throw new AbsgdError('usage', `${list} of ${name} is no list`, {
        hint: 'it takes [[duration, value], …]',
      })
    }
  }
  return Object.fromEntries(
    [...found].map(([key, value]) => [key, NUMBERS.has(key) ? level(value) : value]),
  ) as never
}

/** `off` in place of a number. */
function level(value: Value): Value {
  return isSource(value) && value.shape.kind === 'constant' && !('duration' in value)
    ? value.shape.value
    : value
}

function numberOf(name: string, { unnamed, named }: Arguments): number {
  const [value] = unnamed
  if (unnamed.length === 1 && typeof value === 'number' && named.size === 0) return value
  throw new AbsgdError('usage', `${name} takes one number`)
}

function stepsOf(args: Arguments): Value {
  const [first] = args.unnamed
  const isDuration = args.unnamed.length === 1 && typeof first === 'number' && args.named.size === 0
  return isDuration ? stepCount(first) : steps(byName('steps', args))
}

function epochsOf({ unnamed, named }: Arguments): Value {
  const { steps: more = 0, ...strange } = Object.fromEntries(named)
  if (typeof more !== 'number' || Object.keys(strange).length > 0) {
    throw new AbsgdError('usage', 'epochs takes a number, and steps=n to add some')
  }
  const { epochs: count } = epochs(numberOf('epochs', { unnamed, named: new Map() }))
  return { epochs: count, steps: stepCount(more).steps }
}

function joinOf({ unnamed, named }: Arguments): Value {
  if (named.size === 0) return join(...(unnamed as [...Piece[], Source]))
  throw new AbsgdError('usage', 'join takes schedules, and none by name')
}

function offOf({ unnamed, named }: Arguments): Value {
  if (unnamed.length === 0 && named.size === 0) return off()
  throw new AbsgdError('usage', 'off takes nothing')
}

/** Arguments in order, then those that can only be given by name. */
const TAKEN = {
  linear: [
    ['init', 'end', 'over'],
    ['transitionSteps', 'begin', 'space'],
  ],
  cosine: [
    ['init', 'end', 'over'],
    ['transitionSteps', 'begin', 'space'],
  ],
  exponential: [
    ['init', 'end', 'over'],
    ['transitionSteps', 'begin'],
  ],
  steps: [['init', 'at'], []],
  piecewise: [['init', 'boundaries', 'interpolate'], []],
  warmup: [
    ['init', 'over', 'then'],
    ['warmupSteps', 'space'],
  ],
  twoStage: [['off', 'lambda'], []],
  scale: [['source', 'factor'], []],
  bound: [['source', 'min', 'max'], []],
} as const satisfies Readonly<Record<string, readonly [readonly string[], readonly string[]]>>

/** Arguments that are points, and have no default. */
const LISTS = ['at', 'boundaries'] as const

const NUMBERS: ReadonlySet<string> = new Set(['init', 'end', 'factor', 'min', 'max'])

const CALLS: ReadonlyMap<string, (args: Arguments) => Value> = new Map(
  Object.entries<(args: Arguments) => Value>({
    off: offOf,
    constant: (args) => constant(numberOf('constant', args)),
    linear: (args) => linear(byName('linear', args)),
    cosine: (args) => cosine(byName('cosine', args)),
    exponential: (args) => exponential(byName('exponential', args)),
    steps: stepsOf,
    epochs: epochsOf,
    piecewise: (args) => piecewise(byName('piecewise', args)),
    warmup: (args) => warmup(byName('warmup', args)),
    twoStage: (args) => twoStage(byName('twoStage', args)),
    join: joinOf,
    scale: (args) => {
      const { source, factor } = byName('scale', args) as { source: Source; factor: number }
      return scale(source, factor)
    },
    bound: (args) => {
      const { source, ...bounds } = byName('bound', args) as { source: Source; min?: number; max?: number }
      return bound(source, bounds)
    },
  }),
)
