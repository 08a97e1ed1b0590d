import { describe, expect, test } from 'vitest'
import { addToLedger, emptyLedger, type Ledger } from '../../src/history/ledger-lines.js'
import type { Body, Edited } from '../../src/record/record.js'
import { ledgerLines } from '../../src/ui/lines/ledger.js'

const edited = (control: string, step: number, more: Partial<Edited> = {}): Edited => ({
  type: 'edited',
  request: 'r1',
  by: 'cli',
  position: { attempt: 1, step },
  control,
  to: { kind: 'schedule', text: '2' },
  before: 5,
  after: 2,
  ...more,
})
const asked = (id: string, by: string, why = ''): Body => ({
  type: 'requested',
  request: { type: 'request', id, by, why, action: { type: 'set', edits: [], checkpoint: false } },
  position: { attempt: 1, step: 40 },
})
const settled = (id: string, ok: boolean, step: number, message = ''): Body => ({
  type: 'settled',
  result: { type: 'request-result', id, ok, step, message },
})
const ledgerOf = (...bodies: readonly Body[]): Ledger =>
  bodies.reduce(
    (ledger, body, i) =>
      addToLedger(ledger, { origin: 'controller', incarnation: 'c'.repeat(16), seq: i + 1, timeMs: 0, body }),
    emptyLedger(),
  )

describe('the ledger', () => {
  test('has one line an edit: asked, from which step on, old and new, by whom, why', () => {
    const { lines } = ledgerOf(asked('r1', 'cli', 'too noisy'), edited('lambda', 50), settled('r1', true, 53))
    expect(lines).toEqual([
      {
        kind: 'edit',
        asked: 40,
        step: 53,
        control: 'lambda',
        to: { kind: 'schedule', text: '2' },
        before: 5,
        after: 2,
        by: 'cli',
        why: 'too noisy',
        state: 'applied',
      },
    ])
  })

  test('tells what is not confirmed, what was refused, and what a return took back', () => {
    const pending = ledgerOf(asked('r1', 'cli'), edited('lambda', 50))
    expect(pending.lines).toMatchObject([{ state: 'pending' }])
    const refused = ledgerOf(asked('r1', 'script', 'why not'), settled('r1', false, 40, 'gamma is 2'))
    expect(refused.lines).toMatchObject([
      { kind: 'refused', by: 'script', why: 'why not', reason: 'gamma is 2' },
    ])
    const returned = (cause: string) =>
      ledgerOf(asked('r1', 'cli'), edited('lambda', 50), settled('r1', true, 50), {
        type: 'rewind',
        attempt: 2,
        toStep: 45,
        cause,
      }).lines
    expect(returned('undo')).toMatchObject([
      { state: 'taken-back' },
      { kind: 'return', step: 45, cause: 'undo' },
    ])
    expect(returned('resume')).toMatchObject([{ state: 'applied' }, { kind: 'return', by: 'controller' }])
  })

  test('shows which of two edits of one control at one step does not count, and who made the other', () => {
    const { lines } = ledgerOf(
      asked('r1', 'cli'),
      edited('lambda', 50),
      settled('r1', true, 50),
      asked('r2', 'script'),
      edited('lambda', 50, { request: 'r2', by: 'script' }),
      settled('r2', true, 50),
    )
    expect(lines).toMatchObject([{ by: 'cli' }, { by: 'script', overruledBy: 'cli' }])
    expect(lines[0]).not.toHaveProperty('overruledBy')
    expect(ledgerLines(lines, 80).join('\n')).toContain('overruled by an edit of cli at the same step')
  })

  test('has the marks of feedback schedules, and none of their other decisions', () => {
    const decided = (mark: string): Body => ({
      type: 'decided',
      control: 'lambda',
      position: { attempt: 1, step: 64 },
      value: -2,
      stateJson: 'null',
      mark,
    })
    const { lines } = ledgerOf(decided(''), decided('λ is held by its min'), decided(''))
    expect(lines).toEqual([{ kind: 'mark', step: 64, control: 'lambda', text: 'λ is held by its min' }])
  })

  test('fits 80 columns, and says so where nothing was changed', () => {
    const long = {
      kind: 'schedule',
      text: 'join(off().for(epochs(5)), exponential(-5, -0.5, over=epochs(10)))',
    } as const
    const { lines } = ledgerOf(
      asked('r1', 'cockpit', 'a long reason that somebody typed to remember later on'),
      edited('weight_decay', 123_456, { to: long, before: NaN }),
      settled('r1', true, 123_456),
    )
    const printed = ledgerLines(lines, 80)
    expect(Math.max(...printed.map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(printed.join('\n')).toContain('(its own)')
    expect(ledgerLines([], 80)).toHaveLength(1)
  })
})
