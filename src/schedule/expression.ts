/**
 * Schedules as text: what a command line takes, and what a log keeps.
 *
 *     value    := number | off | call
 *     call     := name "(" [argument {"," argument}] ")" [".for(" duration ")"]
 *     argument := [name "="] (value | duration | word | "[" point {"," point} "]")
 *     point    := "[" duration "," number "]"
 *     duration := number | epochs(n) | epochs(n, steps=m) | steps(n)
 *
 * Names and arguments are those of the functions; unnamed ones come in the order of `POSITIONS`.
 */
import { editDistance } from '../edit-distance.js'
import { AbsgdError } from '../errors.js'
import { constant, cosine, exponential, linear, off, piecewise, steps } from './anneal.js'
import { bound, join, scale, twoStage, warmup } from './compose.js'
import { epochs, isDuration, stepCount, type Duration } from './duration.js'
import { isSource, sourceOf, type Piece, type Source } from './schedule.js'
import { misread, tokensOf, type Token } from './tokens.js'

export { writeSchedule } from './expression-writer.js'

/**
 * The schedule that a text says.
 *
 * @throws AbsgdError 'usage' naming the place where it cannot be read and what is expected there, 'experiment' as the
 * functions that it names
 */
export function parseSchedule(text: string): Source {
  const reader = readerOf(text)
  const value = reader.value()
  reader.end()
  if (typeof value === 'number' || isSource(value)) return sourceOf(value)
  throw misread(text, 0, 'a number or a schedule, not a duration')
}

type Value = number | Source | Duration | string | readonly (readonly [number | Duration, number])[]

interface Arguments {
  readonly unnamed: readonly Value[]
  readonly named: Readonly<Record<string, Value>>
}

function readerOf(text: string) {
  const tokens = tokensOf(text)
  let index = 0
  const next = (): Token => tokens[index]!
  const isSign = (sign: string) => next().kind === 'sign' && next().text === sign

  function take(sign: string): void {
    if (!isSign(sign)) throw misread(text, next().at, `"${sign}"`)
    index += 1
  }

  function value(): Value {
    const token = next()
    if (token.kind === 'number') {
      index += 1
      return Number(token.text.replace(/inf$/, 'Infinity'))
    }
    if (isSign('[')) return points()
    if (token.kind !== 'name') throw misread(text, token.at, 'a number or the name of a schedule')
    index += 1
    if (!isSign('(')) return token.text === 'off' ? piece(off()) : token.text
    return piece(call(token))
  }

  function call({ text: name, at }: Token): Value {
    const given = args()
    const make = CALLS[name]
    if (make === undefined) throw unknown(text, name, at)
    return make(given)
  }

  function piece(made: Value): Value {
    if (!isSign('.')) return made
    take('.')
    if (next().text !== 'for') throw misread(text, next().at, '"for(…)"')
    index += 1
    take('(')
    const duration = value()
    take(')')
    if (!isSource(made) || !('for' in made)) throw misread(text, next().at, 'a schedule before ".for"')
    return made.for(durationIn(duration, 'the duration of .for()'))
  }

  function args(): Arguments {
    const unnamed: Value[] = []
    const named: Record<string, Value> = {}
    take('(')
    while (!isSign(')')) {
      const [name, sign] = [next(), tokens[index + 1]]
      if (name.kind === 'name' && sign?.text === '=') {
        index += 2
        named[name.text] = value()
      } else unnamed.push(value())
      if (!isSign(')')) take(',')
    }
    take(')')
    return { unnamed, named }
  }

  function points(): readonly (readonly [number | Duration, number])[] {
    const found: [number | Duration, number][] = []
    take('[')
    while (!isSign(']')) {
      take('[')
      const boundary = durationIn(value(), 'a boundary')
      take(',')
      const at = next().at
      const level = value()
      if (typeof level !== 'number') throw misread(text, at, 'a number')
      take(']')
      found.push([boundary, level])
      if (!isSign(']')) take(',')
    }
    take(']')
    return found
  }

  return {
    value,
    end() {
      if (next().kind !== 'end') throw misread(text, next().at, 'nothing more')
    },
  }
}

function durationIn(value: Value | undefined, what: string): number | Duration {
  if (typeof value === 'number' || isDuration(value)) return value
  throw new AbsgdError('usage', `${what} is no duration`, {
    hint: 'write epochs(n), steps(n) or a number of steps',
  })
}

/** The arguments by name, the unnamed ones in this order. */
function named(name: string, { unnamed, named: given }: Arguments): never {
  const order = POSITIONS[name] ?? []
  if (unnamed.length > order.length) {
    throw new AbsgdError(
      'usage',
      `${name} takes ${order.join(', ') || 'no arguments'}, not ${unnamed.length} of them`,
    )
  }
  const known = [...order, ...(NAMED_ONLY[name] ?? [])]
  const strange = Object.keys(given).find((key) => !known.includes(key))
  if (strange !== undefined) {
    throw new AbsgdError('usage', `${name} has no argument "${strange}"`, {
      hint: `it takes ${known.join(', ')}`,
    })
  }
  // What each argument has to be is checked by the function that takes it.
  return { ...Object.fromEntries(unnamed.map((value, i) => [order[i], value])), ...given } as never
}

function only(name: string, args: Arguments): number {
  const [value] = args.unnamed
  if (args.unnamed.length === 1 && typeof value === 'number' && Object.keys(args.named).length === 0)
    return value
  throw new AbsgdError('usage', `${name} takes one number`)
}

function unknown(text: string, name: string, at: number): AbsgdError {
  const names = Object.keys(CALLS)
  const near = names.find((known) => editDistance(known.toLowerCase(), name.toLowerCase()) <= 2)
  return misread(text, at, `${near === undefined ? '' : `"${near}"? `}one of ${names.join(', ')}`)
}

const POSITIONS: Readonly<Record<string, readonly string[]>> = {
  linear: ['init', 'end', 'over'],
  cosine: ['init', 'end', 'over'],
  exponential: ['init', 'end', 'over'],
  steps: ['init', 'at'],
  piecewise: ['init', 'boundaries', 'interpolate'],
  warmup: ['init', 'over', 'then'],
  twoStage: ['off', 'lambda'],
  scale: ['source', 'factor'],
  bound: ['source', 'min', 'max'],
}

const NAMED_ONLY: Readonly<Record<string, readonly string[]>> = {
  linear: ['transitionSteps', 'begin', 'space'],
  cosine: ['transitionSteps', 'begin', 'space'],
  exponential: ['transitionSteps', 'begin'],
  warmup: ['warmupSteps', 'space'],
}

const CALLS: Readonly<Record<string, (args: Arguments) => Value>> = {
  off: () => off(),
  constant: (args) => constant(only('constant', args)),
  linear: (args) => linear(named('linear', args)),
  cosine: (args) => cosine(named('cosine', args)),
  exponential: (args) => exponential(named('exponential', args)),
  steps: (args) =>
    args.unnamed.length === 1 && typeof args.unnamed[0] === 'number' && Object.keys(args.named).length === 0
      ? stepCount(args.unnamed[0])
      : steps(named('steps', args)),
  epochs: ({ unnamed, named: { steps: more = 0, ...rest } }) => {
    const count = only('epochs', { unnamed, named: rest })
    return { ...epochs(count), steps: stepCount(Number(more)).steps }
  },
  piecewise: (args) => piecewise(named('piecewise', args)),
  warmup: (args) => warmup(named('warmup', args)),
  twoStage: (args) => twoStage(named('twoStage', args)),
  join: ({ unnamed }) => join(...(unnamed as [...Piece[], Source])),
  scale: (args) => {
    const { source, factor } = named('scale', args) as { source: Source; factor: number }
    return scale(source, factor)
  },
  bound: (args) => {
    const { source, ...bounds } = named('bound', args) as { source: Source; min?: number; max?: number }
    return bound(source, bounds)
  },
}
