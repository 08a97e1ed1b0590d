import fc from 'fast-check'
import { stripVTControlCharacters } from 'node:util'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { actionOf, keyNames } from '../../../src/ui/cockpit/input/keys.js'
import { drawScreen, rowsOfRegion } from '../../../src/ui/cockpit/layout.js'
import { metricNames, shownMetric } from '../../../src/ui/cockpit/metrics.js'
import { createTheme } from '../../../src/ui/cockpit/theme.js'
import { withKey } from '../../../src/ui/cockpit/ui-state.js'
import type { CockpitView } from '../../../src/ui/cockpit/view.js'
import type { Body } from '../../../src/record/record.js'
import { evaluation, joined, started, steps, weighing } from '../../helpers/records.js'
import { stateOf, viewOf } from './views.js'

const theme = createTheme({ colours: 0, ascii: false })
const many = Object.fromEntries(
  Array.from({ length: 200 }, (_, i) => [`class_${String(i).padStart(3, '0')}/recall`, i / 200]),
)

function text(view: CockpitView, columns = 80, rows = 24): string {
  return rowsOfRegion(drawScreen(view, { columns, rows }, theme)).join('\n')
}

/** The view after somebody has pressed these keys. */
function pressed(view: CockpitView, ...keys: readonly string[]): CockpitView {
  return keys.reduce((before, key) => {
    const action = actionOf(key, before)
    return action === undefined
      ? before
      : { ...before, ui: withKey(before.ui, action, { runs: 1, nowMs: 0 }) }
  }, view)
}

function viewOfMetrics(...evaluations: readonly Readonly<Record<string, number>>[]): CockpitView {
  const bodies: Body[] = [started(), joined(), steps(0, 40)]
  evaluations.forEach((metrics, i) => bodies.push(evaluation(10 * i + 9, metrics)))
  return viewOf([stateOf(bodies)])
}

describe('the chart of metrics', () => {
  test('shows the objective, in whatever order and number others are logged', () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }), {
      maxLength: 150,
    })
    fc.assert(
      fc.property(names, fc.nat(), (others, place) => {
        const metrics = others
          .filter((name) => name !== 'accuracy')
          .map((name) => [name, 0.5] as [string, number])
        const all = metrics.toSpliced(place % (metrics.length + 1), 0, ['accuracy', 0.875])
        const view = viewOfMetrics(Object.fromEntries(all))
        expect(shownMetric(view.runs[0]!.state, undefined)?.name).toBe('val.accuracy')
        expect(text(view)).toContain('val.accuracy 0.875')
        // Every one of them can be shown.
        expect(new Set(metricNames(view.runs[0]!.state))).toEqual(new Set(all.map(([name]) => `val.${name}`)))
      }),
      { numRuns: 30 },
    )
  })

  test('goes through all metrics by a key and back, the objective first, and round again', () => {
    const view = viewOfMetrics({ ...many, accuracy: 0.9 })
    const names = metricNames(view.runs[0]!.state)
    expect(names).toHaveLength(201)
    expect(names[0]).toBe('val.accuracy')
    const shown: (string | undefined)[] = []
    let now = view
    for (let i = 0; i < 202; i += 1) {
      shown.push(shownMetric(now.runs[0]!.state, now.ui.metric)?.name)
      now = pressed(now, 'm')
    }
    expect(shown).toEqual([...names, names[0]])
    expect(pressed(view, 'm', 'm', 'M').ui.metric).toBe(names[1])
    expect(text(pressed(view, 'M'))).toContain('val.class_199/recall 0.995')
  })

  test('shows the metric that was searched for in the list of all', () => {
    const view = viewOfMetrics({ ...many, accuracy: 0.9 })
    const list = pressed(view, '/')
    expect(text(list)).toMatch(/metrics: 201 of 201[^]*▸ val\.accuracy +0\.9/)
    const found = pressed(list, ...Array.from('CLASS_15'), 'space', ...Array.from('recallx'), 'backspace')
    expect(text(found)).toMatch(/metrics: 10 of 201[^]*search: CLASS_15 recall/)
    expect(text(pressed(found, 'down', 'return'))).toContain('val.class_151/recall 0.755')
    expect(pressed(found, 'escape').ui).toMatchObject({ screen: 'run', metric: undefined })
    // A letter of the search is no key of the run.
    expect(pressed(list, 'q', 's', 'p').ui).toMatchObject({ search: { text: 'qsp' }, question: undefined })
    expect(pressed(pressed(list, 'x', 'y', 'z'), 'return').ui.metric).toBeUndefined()
    expect(actionOf('ctrl-c', list)).toEqual({ type: 'interrupt' })
  })

  test('keeps the chosen line of the list in sight, at any size, whatever the names are', () => {
    const name = fc.string({ minLength: 1, maxLength: 120, unit: 'grapheme' })
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { minLength: 2, maxLength: 60 }),
        fc.nat(200),
        fc.integer({ min: 50, max: 120 }),
        fc.integer({ min: 18, max: 40 }),
        (names, moves, columns, rows) => {
          const view = viewOfMetrics(Object.fromEntries(names.map((one) => [one, 1])))
          const list = pressed(view, '/', ...Array.from({ length: moves }, () => 'down'))
          const drawn = rowsOfRegion(drawScreen(list, { columns, rows }, theme))
          expect(drawn).toHaveLength(rows)
          for (const row of drawn) expect(stringWidth(row)).toBe(columns)
          expect(drawn.filter((row) => row.startsWith('▸'))).toHaveLength(1)
        },
      ),
      { numRuns: 40 },
    )
  })

  test('shows numbers of steps and losses of further weighings too', () => {
    const weighings = ['loss', 'aux'].map((name) => ({ ...weighing(2), name }))
    const bodies = [
      started(),
      joined(),
      steps(0, 2, { weighings, metrics: { norm: Float64Array.of(NaN, 3) } }),
    ]
    const view = viewOf([stateOf([...bodies, evaluation(1, { accuracy: 0.5 })])])
    expect(metricNames(view.runs[0]!.state)).toEqual(['val.accuracy', 'train.aux.loss', 'train.norm'])
    expect(text(pressed(view, 'm', 'm'))).toContain('train.norm 3')
  })

  test('cuts a long name, and keeps its value', () => {
    expect(text(viewOfMetrics({ accuracy: 0.5, [`long.${'x'.repeat(200)}`]: 0.25 }))).toContain(
      'val.accuracy 0.5',
    )
    const view = pressed(viewOfMetrics({ accuracy: 0.5, [`long.${'x'.repeat(200)}`]: 0.25 }), 'm')
    expect(text(view)).toMatch(/val\.long\.x+… 0\.25/)
  })
})

describe('a chart of numbers that are not finite', () => {
  const steps40 = (losses: readonly number[]) =>
    steps(0, losses.length, {
      weighings: [weighing(losses.length, { meanLoss: Float64Array.from(losses) })],
    })
  const chartOf = (losses: readonly number[]) =>
    text(viewOf([stateOf([started(), joined(), steps40(losses)])], { chart: 0 }))
      .split('\n')
      .slice(2, 17)

  test('has the latest value in its title, a gap with a mark, and the axis of the finite ones', () => {
    const kinds = fc.constantFrom(['nan', NaN, '×'], ['inf', Infinity, '▲'], ['-inf', -Infinity, '▼'])
    fc.assert(
      fc.property(kinds, fc.integer({ min: 10, max: 59 }), fc.boolean(), ([word, value, mark], at, last) => {
        const losses = Array.from({ length: 60 }, (_, i) =>
          i === at || (last && i > at) ? value : 1 + (i % 10) / 10,
        )
        const [title, ...rows] = chartOf(losses)
        if (last || at === 59) expect(title).toMatch(new RegExp(`^loss ${word}`))
        else expect(title).toMatch(/^loss 1/)
        expect(rows.join('')).toContain(mark)
        expect(rows[0]).toMatch(/^ *1\.[5-9]\d* ┤/)
        expect(rows.join('')).toMatch(/[⠁-⣿]/)
      }),
      { numRuns: 60 },
    )
  })

  test('is a chart with marks where no value is finite', () => {
    expect(chartOf([NaN, NaN, NaN]).join('')).toMatch(/loss nan.*×/)
  })

  test('keeps its axis whatever one value is, and marks it', () => {
    const huge = fc.double({ min: 1e6, max: 1e38, noNaN: true })
    fc.assert(
      fc.property(huge, fc.nat(59), fc.boolean(), (value, at, negative) => {
        const losses = Array.from({ length: 60 }, (_, i) =>
          i === at ? (negative ? -value : value) : 1 + (i % 10) / 10,
        )
        const rows = chartOf(losses).slice(1)
        expect(rows.join('')).toContain(negative ? '▼' : '▲')
        const labels = rows.flatMap((row) => /^ *(-?[\d.,e]+) ┤/.exec(row)?.[1] ?? []).map(Number)
        expect(Math.max(...labels)).toBeLessThan(2)
        expect(Math.min(...labels)).toBeGreaterThanOrEqual(1)
      }),
      { numRuns: 60 },
    )
  })

  test('is said in the log, in the colour of what is wrong, and in ASCII', () => {
    const view = viewOf([stateOf([started(), joined(), steps40([1, NaN, NaN, 1])])])
    expect(text(view)).toMatch(
      /train\.loss is nan from step 1 on[^]*finite again from step 3 on: 2 steps were not/,
    )
    const ascii = rowsOfRegion(
      drawScreen(view, { columns: 80, rows: 24 }, createTheme({ colours: 0, ascii: true })),
    )
    for (const row of ascii) expect(row).toMatch(/^[ -~]*$/)
    const coloured = createTheme({ colours: 1, ascii: false })
    const rows = rowsOfRegion(drawScreen(view, { columns: 80, rows: 24 }, coloured))
    expect(rows.join('\n')).toMatch(/\x1b\[31m[^\x1b]*train\.loss is nan/)
    expect(rows.map(stripVTControlCharacters).join('\n')).toBe(text(view))
  })
})

describe('a question', () => {
  test('is answered only where it is drawn, at any size', () => {
    const size = fc.record({
      columns: fc.integer({ min: 1, max: 130 }),
      rows: fc.integer({ min: 1, max: 50 }),
    })
    fc.assert(
      fc.property(size, size, fc.constantFrom('y', 'n', 'return'), (before, after, key) => {
        const asked = pressed({ ...viewOf(), size: before }, 's')
        const drawnBefore = text(asked, before.columns, before.rows).replaceAll('\n', ' ')
        const isAsked = asked.ui.question !== undefined
        if (isAsked) expect(drawnBefore.replaceAll(/\s+/g, ' ')).toContain('checkpoint and stop this run? y')
        // The terminal may have another size by then.
        const view = { ...asked, size: after }
        const drawn = text(view, after.columns, after.rows).replaceAll(/\s+/g, ' ')
        const isDrawn = drawn.includes('checkpoint and stop this run? y')
        const action = actionOf(key, view)
        if (isAsked && isDrawn) expect(action?.type).toBe(key === 'y' ? 'confirm' : 'decline')
        else expect(action).toBeUndefined()
      }),
      { numRuns: 500 },
    )
  })

  test('does not hold up what ends it all', () => {
    const small = { ...pressed(viewOf(), 's'), size: { columns: 5, rows: 2 } }
    expect(actionOf('q', small)).toEqual({ type: 'leave' })
    expect(actionOf('ctrl-c', small)).toEqual({ type: 'interrupt' })
    expect(actionOf('ctrl-z', small)).toEqual({ type: 'suspend' })
  })
})

test('keys for the shell and for taking back are known in any piece of input', () => {
  const none = {
    upArrow: false,
    downArrow: false,
    leftArrow: false,
    rightArrow: false,
    return: false,
    escape: false,
  }
  const more = { tab: false, backspace: false, delete: false, ctrl: false, meta: false }
  expect(keyNames('a\x1a\x7f', { ...none, ...more })).toEqual(['a', 'ctrl-z', 'backspace'])
  expect(keyNames('', { ...none, ...more, delete: true })).toEqual(['backspace'])
})
