/**
 * Parses schedules given as text, on the command line and in logs.
 *
 *     value    := number | off | call
 *     call     := name "(" [argument {"," argument}] ")" [".for(" duration ")"]
 *     argument := [name "="] (value | duration | word | "[" point {"," point} "]")
 *     point    := "[" duration "," number "]"
 *     duration := number | epochs(n) | epochs(n, steps=m) | steps(n)
 *
 * Names and arguments are those of the TypeScript functions. The order of unnamed arguments is in `expression-calls.ts`.
 */
import { AbsgdError } from '../errors.js'
import { isDuration, type Duration } from './duration.js'
import { call, isCallable, names, WORDS, type Arguments, type Value } from './expression-calls.js'
import { isSource, scheduleOf, sourceOf, type Source } from './schedule.js'
import { misread, tokensOf, type Token } from './expression-tokens.js'

export { writeSchedule } from './expression-writer.js'

/**
 * The schedule that is written as `text`.
 *
 * @throws AbsgdError 'usage' naming the position of a syntax error and what is expected there, 'experiment' naming the position of
 * a call whose arguments are refused
 */
export function parseSchedule(text: string): Source {
  const reader = readerOf(text)
  const value = reader.value()
  reader.end()
  if (typeof value === 'number' || isSource(value)) return sourceOf(value)
  throw misread(
    text,
    0,
    `a number or a schedule, ${typeof value === 'string' ? 'not a word' : 'not a duration'}`,
  )
}

function readerOf(text: string) {
  const tokens = tokensOf(text)
  let index = 0
  const next = (): Token => tokens[index]!
  const isSign = (sign: string) => next().kind === 'sign' && next().text === sign

  function expectSign(sign: string): void {
    if (!isSign(sign)) throw misread(text, next().at, `"${sign}"`)
    index += 1
  }

  function value(): Value {
    const token = next()
    if (isSign('[')) return points()
    if (token.kind !== 'number' && token.kind !== 'name')
      throw misread(text, token.at, 'a number or the name of a schedule')
    index += 1
    if (token.kind === 'number') return numberIn(token)
    return pieceOf(isSign('(') ? called(token) : bare(token), token)
  }

  function numberIn({ text: digits, at }: Token): number {
    const number = Number(digits.replace(/inf$/, 'Infinity'))
    if (Number.isFinite(number) || digits.includes('inf') || digits.includes('Inf')) return number
    throw misread(text, at, 'a number up to 1.8e308, or inf')
  }

  function bare({ text: name, at }: Token): Value {
    if (name === 'off') return call('off', { unnamed: [], named: new Map() })
    if (WORDS.has(name)) return name
    throw misread(text, at, isCallable(name) ? `"${name}(…)"` : names(name))
  }

  function called({ text: name, at }: Token): Value {
    if (!isCallable(name)) throw misread(text, at, names(name))
    const given = args()
    try {
      return call(name, given)
    } catch (thrown) {
      if (!(thrown instanceof AbsgdError) || thrown.message.includes(PLACE)) throw thrown
      const { code, message, hint } = thrown
      throw new AbsgdError(code, `${message}${PLACE}${at + 1} of "${text}"`, {
        ...(hint === undefined ? {} : { hint }),
        cause: thrown,
      })
    }
  }

  function pieceOf(made: Value, { at }: Token): Value {
    if (!isSign('.')) return made
    expectSign('.')
    if (next().text !== 'for') throw misread(text, next().at, '"for(…)"')
    index += 1
    expectSign('(')
    const duration = durationAt()
    expectSign(')')
    if (isSource(made)) return scheduleOf(made.shape).for(duration)
    throw misread(text, at, 'a schedule before ".for"')
  }

  function args(): Arguments {
    const unnamed: Value[] = []
    const named = new Map<string, Value>()
    expectSign('(')
    while (!isSign(')')) {
      const [name, sign] = [next(), tokens[index + 1]]
      if (name.kind === 'name' && sign?.text === '=') {
        if (named.has(name.text)) throw misread(text, name.at, `${name.text} once`)
        index += 2
        named.set(name.text, value())
      } else unnamed.push(value())
      if (!isSign(')')) expectSign(',')
    }
    expectSign(')')
    return { unnamed, named }
  }

  function points(): readonly (readonly [number | Duration, number])[] {
    const found: [number | Duration, number][] = []
    expectSign('[')
    while (!isSign(']')) {
      expectSign('[')
      const boundary = durationAt()
      expectSign(',')
      const at = next().at
      const level = value()
      if (typeof level !== 'number') throw misread(text, at, 'a number')
      expectSign(']')
      found.push([boundary, level])
      if (!isSign(']')) expectSign(',')
    }
    expectSign(']')
    return found
  }

  function durationAt(): number | Duration {
    const { at } = next()
    const duration = value()
    if (typeof duration === 'number' || isDuration(duration)) return duration
    throw misread(text, at, 'a duration: epochs(n), steps(n) or a number of steps')
  }

  return {
    value,
    end() {
      if (next().kind !== 'end') throw misread(text, next().at, 'nothing more')
    },
  }
}

const PLACE = ', at character '
