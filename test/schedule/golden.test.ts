/** Schedules as text against proto/golden/schedules.json, which the Python suite reads too. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { AbsgdError } from '../../src/errors.js'
import { compile } from '../../src/schedule/compile-schedule.js'
import { cosPi, exp, log } from '../../src/schedule/elementary.js'
import { parseSchedule, writeSchedule } from '../../src/schedule/expression.js'

interface Golden {
  readonly steps: readonly number[]
  readonly schedules: readonly {
    readonly text: string
    readonly stepsPerEpoch: number
    readonly written: string
    readonly bits: readonly string[]
  }[]
  readonly refused: readonly { readonly text: string; readonly problem: string; readonly hint: string }[]
  /** Pairs of an argument and its value, as bits. */
  readonly functions: Readonly<Record<'exp' | 'log' | 'cosPi', readonly (readonly [string, string])[]>>
}

const file = new URL('../../proto/golden/schedules.json', import.meta.url)
const golden = JSON.parse(readFileSync(file, 'utf8')) as Golden

describe('the golden schedules', () => {
  test.each(golden.schedules)('$text', ({ text, stepsPerEpoch, written, bits }) => {
    const source = parseSchedule(text)
    const value = compile(source, { stepsPerEpoch, runSteps: 0 })
    expect(golden.steps.map((step) => bitsOf(value(step)))).toEqual(bits)
    expect(writeSchedule(source)).toBe(written)
  })

  test.each(golden.refused)('refused: $text', ({ text, problem, hint }) => {
    expect(refusalOf(text)).toEqual({ problem, hint })
  })
})

test.each(Object.entries({ exp, log, cosPi }))('%s has the bits of the vectors', (name, compute) => {
  const pairs = golden.functions[name as keyof Golden['functions']]
  expect(pairs.map(([x]) => bitsOf(compute(numberOf(x))))).toEqual(pairs.map(([, value]) => value))
})

function refusalOf(text: string): { problem: string; hint: string } {
  try {
    parseSchedule(text)
  } catch (error) {
    if (error instanceof AbsgdError) return { problem: error.message, hint: error.hint ?? '' }
    throw error
  }
  return { problem: 'none', hint: '' }
}

function bitsOf(value: number): string {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  return view.getBigUint64(0).toString(16).padStart(16, '0')
}

function numberOf(bits: string): number {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, BigInt(`0x${bits}`))
  return view.getFloat64(0)
}
