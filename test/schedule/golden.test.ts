/** Schedules as text against proto/golden/schedules.json, which the Python suite reads too. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { AbsgdError } from '../../src/errors.js'
import { compile } from '../../src/schedule/compile-schedule.js'
import { parseSchedule, writeSchedule } from '../../src/schedule/expression.js'

interface Golden {
  readonly stepsPerEpoch: number
  readonly steps: readonly number[]
  readonly schedules: readonly {
    readonly text: string
    readonly written: string
    readonly bits: readonly string[]
  }[]
  readonly refused: readonly { readonly text: string; readonly problem: string; readonly hint: string }[]
}

const file = new URL('../../proto/golden/schedules.json', import.meta.url)
const golden = JSON.parse(readFileSync(file, 'utf8')) as Golden

describe('the golden schedules', () => {
  test.each(golden.schedules)('$text', ({ text, written, bits }) => {
    const source = parseSchedule(text)
    const value = compile(source, { stepsPerEpoch: golden.stepsPerEpoch, runSteps: 0 })
    expect(golden.steps.map((step) => bitsOf(value(step)))).toEqual(bits)
    expect(writeSchedule(source)).toBe(written)
  })

  test.each(golden.refused)('refused: $text', ({ text, problem, hint }) => {
    expect(refusalOf(text)).toEqual({ problem, hint })
  })
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
