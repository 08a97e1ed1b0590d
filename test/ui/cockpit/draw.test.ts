import { stripVTControlCharacters } from 'node:util'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { drawScreen, rowsOfRegion } from '../../../src/ui/cockpit/layout.js'
import { createTheme } from '../../../src/ui/cockpit/theme.js'
import type { CockpitView } from '../../../src/ui/cockpit/view.js'
import type { Body } from '../../../src/record/record.js'
import { checkpoint, ended, joined, left, note, progress, rewind, started } from '../../helpers/records.js'
import { stateOf, trained, viewOf } from './views.js'

const plain = createTheme({ colours: 0, ascii: false })

function draw(view: CockpitView, size = '80x24', theme = plain): readonly string[] {
  const [columns, rows] = size.split('x').map(Number) as [number, number]
  return rowsOfRegion(drawScreen(view, { columns, rows }, theme))
}

const text = (view: CockpitView, size?: string) => draw(view, size).join('\n')

const failed = ended(40, {
  status: 'failed',
  reason: 'the task raised ValueError: a loss went wrong '.repeat(9),
})
const views: Readonly<Record<string, CockpitView>> = {
  'an empty run': viewOf([stateOf([], { caughtUp: false, driven: false })]),
  'a run that trains': viewOf(),
  'a run without end, evaluation or epochs': viewOf([
    stateOf([started(), joined({ stepsPerEpoch: 0 }, 1, 0), ...trained.slice(2, 4)]),
  ]),
  'a failed run': viewOf([
    stateOf([...trained, left({ exitCode: 1, lastLines: 'Traceback:\n  x\n' }), failed]),
  ]),
  'a run without its controller': viewOf([stateOf(trained, { driven: false })]),
  'names and words of any kind': viewOf([
    stateOf(
      [...trained, note('\x1b[2J損失が増えました 🙂 '.repeat(9), 'warning')],
      {
        workerLines: ['\x1b[31m損失\x07', '進捗 '.repeat(60)],
      },
      { run: '実験-1', experiment: '\u202eexperiment' },
    ),
  ]),
  'several runs': viewOf([stateOf(), stateOf([], {}, { run: 'other-1' })], { selected: 1 }),
  'a question': viewOf([stateOf()], {
    question: { text: 'stop? '.repeat(40), short: 'stop? y/n', action: { type: 'pause' } },
  }),
  help: viewOf([stateOf()], { screen: 'help' }),
  'a list of many runs': viewOf(
    Array.from({ length: 70 }, (_, i) => stateOf(trained, {}, { run: `run-${i}` })),
    { screen: 'runs', selected: 66 },
  ),
  'one large chart, logarithmic': viewOf([stateOf()], { chart: 0, logScale: true }),
}

describe.each(['50x18', '60x20', '80x24', '80x60', '110x30', '120x40', '160x48', '200x60'])(
  'at %s',
  (size) => {
    test.each(Object.keys(views))('%s fills the terminal exactly', (name) => {
      const [columns, rows] = size.split('x').map(Number)
      for (const ascii of [false, true]) {
        const drawn = draw(views[name]!, size, createTheme({ colours: 1, ascii }))
        expect(drawn).toHaveLength(rows!)
        for (const row of drawn) expect([row, stringWidth(row)]).toEqual([row, columns])
      }
    })

    test('a run that trains shows how it stands, its charts, its numbers, its worker and its keys', () => {
      const shown = text(viewOf([stateOf([...trained, checkpoint(40)])]), size)
      expect(shown).toMatch(/digits-1 {2}digits\/annealed .*● training/)
      expect(shown).toMatch(/40\/100 {2}40 %/)
      for (const part of [
        'loss 0.5',
        'val.accuracy 0.9512',
        'λ -2',
        'ess ratio 1',
        'checkpoint after 40 steps',
      ])
        expect(shown).toContain(part)
      expect(shown).toMatch(/[⠁-⣿]/)
      expect(shown).toMatch(/γ +0\.9/)
      expect(shown).toMatch(/worker +pid 4711/)
      expect(shown).toMatch(/p pause {2}c checkpoint {2}s stop {2}q leave/)
    })
  },
)

describe('the cockpit', () => {
  test('says that a terminal is too small, in any terminal', () => {
    for (const size of ['49x30', '80x17', '10x2', '1x1']) {
      const [columns, rows] = size.split('x').map(Number)
      const drawn = draw(viewOf(), size)
      expect(drawn).toHaveLength(rows!)
      for (const row of drawn) expect(stringWidth(row)).toBe(columns)
    }
    expect(text(viewOf(), '49x30')).toContain('the terminal is too small')
  })

  test('says at the top how often the guard has backed off, and no other hand', () => {
    const by = (who: string, step: number): Body => ({
      type: 'edited',
      request: `${who}-${step}`,
      by: who,
      position: { attempt: 1, step },
      control: 'lambda',
      to: { kind: 'factor', factor: 4 },
      before: -0.5,
      after: -2,
    })
    const top = (...edits: Body[]) => draw(viewOf([stateOf([...trained, ...edits])]))[0]
    expect(top(by('guard', 30))).toMatch(/guard backed off(?! \d)/)
    expect(top(by('guard', 30), by('guard', 99))).toContain('guard backed off 2×')
    expect(top(by('cli', 30))).not.toContain('guard')
  })

  test('says at the top that a run is simulated', () => {
    const state = stateOf()
    const config = { ...state.manifest.config, simulated: true as const }
    const simulated = { ...state, manifest: { ...state.manifest, config } }
    expect(draw(viewOf([simulated]))[0]).toContain('simulated')
    expect(draw(viewOf([state]))[0]).not.toContain('simulated')
  })

  test('does not claim that a worker trains on where none can', () => {
    const state = stateOf(trained, { driven: false })
    const config = { ...state.manifest.config, simulated: true as const }
    const simulated = { ...state, manifest: { ...state.manifest, config } }
    const bereft = stateOf([...trained, left({ exitCode: 1 })], { driven: false })
    expect(text(viewOf([state]))).toContain('its worker, if it lives, trains')
    for (const alone of [simulated, bereft]) {
      expect(text(viewOf([alone]))).toContain('takes the run up')
      expect(text(viewOf([alone]))).not.toContain('its worker')
    }
  })

  test('says the same without colour as with it', () => {
    const coloured = draw(viewOf(), '120x40', createTheme({ colours: 1, ascii: false }))
    expect(coloured.join('')).toContain('\x1b[')
    expect(coloured.map(stripVTControlCharacters)).toEqual(draw(viewOf(), '120x40'))
    expect(draw(viewOf(), '120x40').join('')).not.toContain('\x1b')
  })

  test('needs nothing but ASCII', () => {
    const theme = createTheme({ colours: 0, ascii: true })
    for (const name of ['a run that trains', 'several runs', 'help', 'a list of many runs'])
      for (const row of draw(views[name]!, '80x24', theme)) expect(row).toMatch(/^[ -~]*$/)
  })

  test('shows nothing that a terminal would obey', () => {
    expect(text(views['names and words of any kind']!, '160x48')).not.toMatch(/[\x00-\x09\x0b-\x1f\u202e]/)
  })

  test.each([
    ['starting', stateOf([started(), joined()]), /‖ starting/],
    [
      'not joined by its worker yet',
      stateOf([started()]),
      /‖ starting[^]*waiting for Python to import torch, and to build task\.py:build/,
    ],
    ['paused', stateOf([...trained, progress(40, 'paused')]), /‖ paused[^]*p resume/],
    ['waiting', stateOf([...trained, progress(40, 'waiting')]), /‖ waiting for a plan/],
    ['evaluating', stateOf([...trained, progress(40, 'evaluating')]), /● evaluating/],
    ['checkpointing', stateOf([...trained, progress(40, 'checkpointing')]), /● checkpointing/],
    ['worker gone', stateOf([...trained, left({ exitCode: 1 })]), /✗ worker gone[^]*worker exit code 1/],
    ['controller gone', stateOf(trained, { driven: false }), /✗ controller gone[^]*absgd resume digits-1/],
    ['ending, its worker gone', stateOf([...trained, left({ exitCode: 0 })]), /‖ ending/],
    [
      'completed',
      stateOf([...trained, ended(100)]),
      /✓ completed[^]*completed after 100 steps \(10 epochs\); q leaves/,
    ],
    [
      'stopped',
      stateOf([...trained, ended(40, { status: 'stopped' })]),
      /✓ stopped[^]*absgd resume digits-1 goes on/,
    ],
    ['failed', stateOf([...trained, failed]), /✗ failed[^]*failed after 40 steps.*: the task raised/],
    ['reading', stateOf(trained, { caughtUp: false }), /‖ reading the log/],
    ['attempts', stateOf([...trained, rewind(2, 20)]), /attempt 2/],
  ])('says how a run stands: %s', (_, state, expected) => {
    expect(text(viewOf([state]))).toMatch(expected)
  })

  test('says in words that lambda is off', () => {
    expect(text(viewOf([stateOf(trained.slice(0, 4))]))).toMatch(
      /λ off[^]*off: every sample has the same weight/,
    )
  })

  test('shows one chart large when asked to, over the steps', () => {
    const shown = text(viewOf([stateOf()], { chart: 1 }))
    expect(shown).toContain('val.accuracy 0.9512  best 0.9512 after 40')
    expect(shown).toMatch(/step 0 +step 39/)
    // Once, in the line of numbers: its chart is not shown.
    expect(shown.match(/ess ratio/g)).toHaveLength(1)
  })

  test('asks, and tells what is asked, where the keys are', () => {
    const question = { text: 'stop?', short: 'stop?', action: { type: 'pause' } } as const
    expect(draw(viewOf([stateOf()], { question })).at(-2)).toMatch(/^stop\?/)
    expect(draw(viewOf([stateOf()], { interrupts: 1 })).at(-2)).toMatch(/Ctrl-C once more ends it at once/)
    const message = { text: 'paused, after 40 steps', tone: 'good', untilMs: Infinity } as const
    expect(draw(viewOf([stateOf()], { message })).at(-2)).toMatch(/^paused, after 40 steps/)
    expect(
      draw(viewOf([stateOf()], { message: { ...message, untilMs: 0 } }))
        .at(-2)!
        .trim(),
    ).toBe('')
  })

  test('keeps the chosen run in sight in a long list', () => {
    expect(text(views['a list of many runs']!)).toMatch(
      /▸ run-66 +40\/100 +val\.accuracy 0\.9512 +● training/,
    )
  })
})
