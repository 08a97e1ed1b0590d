import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chartLines, type ChartOptions, type ChartSeries } from '../../../src/ui/text/chart.js'
import { isAsciiOnly, isColourless } from '../../../src/ui/text/charset.js'

const of = (...values: readonly number[]) => Float64Array.of(...values)
const count = (length: number) => Float64Array.from({ length }, (_, i) => i)

function chart(series: readonly ChartSeries[], options: Partial<ChartOptions> = {}): string[] {
  return chartLines(series, { width: 24, height: 6, ...options })
}

describe('a chart', () => {
  test('draws a line from its lowest to its highest value, both labelled', () => {
    expect(chart([{ x: of(0, 10), y: of(1, 3) }])).toEqual([
      '3 ┤                 ⢀⡠⠔⠊',
      '  │              ⣀⠤⠊⠁   ',
      '  │          ⢀⡠⠔⠉       ',
      '2 ┤       ⣀⠔⠊⠁          ',
      '  │   ⢀⡠⠒⠉              ',
      '1 ┤⡠⠔⠊⠁                 ',
    ])
  })

  test('does the same in ASCII', () => {
    const lines = chart([{ x: of(0, 10), y: of(1, 3) }], { ascii: true })
    expect(lines[0]).toBe("3 +                 __-'")
    expect(lines.join('')).toMatch(/^[ -~]*$/)
  })

  test('has exactly the width and height asked for, whatever it is given', () => {
    const value = fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity, -Infinity, 0, 1e-300, -1e300))
    const points = fc.array(fc.tuple(fc.double({ noNaN: true }), value, value), { maxLength: 30 })
    const options = fc.record({
      width: fc.integer({ min: 1, max: 60 }),
      height: fc.integer({ min: 1, max: 12 }),
      log: fc.boolean(),
      ascii: fc.boolean(),
      labelled: fc.boolean(),
      shape: fc.constantFrom('linear', 'steps'),
    })
    fc.assert(
      fc.property(points, options, (raw, { labelled, shape, ...more }) => {
        const sorted = raw.toSorted(([a], [b]) => a - b)
        const [x, y, upTo] = [0, 1, 2].map((i) => Float64Array.from(sorted, (point) => point[i]!))
        const xLabel = labelled ? { xLabel: (at: number) => `step ${at}` } : {}
        const series = [{ x: x!, y: y!, upTo: upTo! }, { x: x!, y: y!, shape } as const]
        const lines = chartLines(series, { ...more, ...xLabel })
        expect(lines).toHaveLength(more.height)
        for (const line of lines) expect([...line]).toHaveLength(more.width)
      }),
      { numRuns: 300 },
    )
  })

  test('leaves gaps where there is no finite value, and keeps those out of its bounds', () => {
    const lines = chart([{ x: count(9), y: of(1, 1, 1, NaN, Infinity, -Infinity, 2, 2, 2) }], { height: 3 })
    expect(lines).toEqual([
      '2 ┤               ⠈⠉⠉⠉⠉⠉',
      '  │                     ',
      '1 ┤⣀⣀⣀⣀⣀⡀               ',
    ])
  })

  test('holds a value until the next where it is shaped in steps', () => {
    const lines = chart([{ x: of(0, 10, 20), y: of(1, 2, 2), shape: 'steps' }], { height: 3 })
    expect(lines[2]).toMatch(/^1 ┤⣀+[⣀⣸⡀] *$/)
    expect(lines[0]).toMatch(/^2 ┤ +[⡏⢸]⠉+$/)
    expect(lines[1]).toMatch(/^ {2}│ +[⡇⢸] +$/)
  })

  test('spaces decades evenly on a logarithmic scale, and shows nothing of what is not above 0', () => {
    const y = of(1, 10, 100, 0, -5)
    const lines = chart([{ x: count(5), y }], { log: true, height: 9 })
    expect(lines.map((line) => line.slice(0, 3).trim()).filter(Boolean)).toEqual(['100', '10', '1'])
    expect(lines[4]!.startsWith(' 10 ┤')).toBe(true)
  })

  test('puts round numbers between its ends where it is tall', () => {
    const lines = chart([{ x: of(0, 1), y: of(0.0931, 3.164) }], { height: 12 })
    expect(lines.map((line) => line.slice(0, 6).trim()).filter(Boolean)).toEqual([
      '3.164',
      '2',
      '1',
      '0.0931',
    ])
  })

  test('draws a constant in the middle under its one label', () => {
    const lines = chart([{ x: of(0, 1), y: of(4, 4) }], { height: 5 })
    expect(lines[2]).toMatch(/^4 ┤[⠤⠒⠉⣀]+$/)
    expect(lines.filter((line) => line.includes('4'))).toHaveLength(1)
  })

  test('shows a single point large enough to be seen', () => {
    expect(chart([{ x: of(3), y: of(1) }], { height: 3 }).join('')).toMatch(/[⠛⣤⠶]/)
  })

  test('covers earlier series by later ones, each in its own colour', () => {
    const flat = (y: number, name: string): ChartSeries => ({
      x: of(0, 1),
      y: of(y, y),
      paint: (text) => `<${name}>${text}</${name}>`,
    })
    expect(chart([flat(1, 'a'), flat(1, 'b')], { height: 1, width: 8 })[0]).toMatch(/^1 ┤<b>.{5}<\/b>$/)
    const both = chart([flat(1, 'a'), flat(2, 'b')], { height: 2, width: 6 })
    expect(both[0]).toContain('<b>')
    expect(both[1]).toContain('<a>')
  })

  test('fills a band thinly, so that a line over it stands out', () => {
    const band = { x: count(2), y: of(0, 0), upTo: of(1, 1) }
    const lines = chart([band, { x: count(2), y: of(0.5, 0.5) }], { height: 3, width: 10 })
    expect(lines[0]).toMatch(/⢕|⡪/)
    expect(lines[1]).not.toMatch(/⢕|⡪/)
  })

  test('labels the ends of the x axis', () => {
    const lines = chart([{ x: of(0, 1920), y: of(1, 2) }], { xLabel: (x) => `step ${x}` })
    expect(lines.at(-1)).toBe('   step 0      step 1920')
  })

  test('cuts lines at bounds that it is given', () => {
    const bounds = { x: { min: 0, max: 10 }, y: { min: 0, max: 1 } }
    const lines = chart([{ x: of(-1e9, 1e9), y: of(-1e9, 1e9) }], { ...bounds, height: 3 })
    expect(lines.join('')).toMatch(/[⠀-⣿]/)
    expect(lines[0]!.startsWith('1 ┤')).toBe(true)
  })

  test('says so when there is nothing to draw', () => {
    expect(chart([], { height: 3, empty: 'nothing' })).toEqual([
      ' '.repeat(24),
      '        nothing         ',
      ' '.repeat(24),
    ])
    expect(chart([{ x: of(1), y: of(NaN) }], { height: 1 })[0]).toContain('no data yet')
  })
})

describe('what a terminal can show', () => {
  test.each([
    [{ TERM: 'xterm-256color', LANG: 'en_GB.UTF-8' }, false],
    [{ TERM: 'xterm-256color' }, false],
    [{ TERM: 'xterm', LANG: 'C' }, true],
    [{ TERM: 'xterm', LANG: 'en_GB.UTF-8', LC_ALL: 'POSIX' }, true],
    [{ TERM: 'dumb', LANG: 'C.utf8' }, true],
    [{ TERM: 'linux', LANG: 'C.utf8' }, true],
  ])('%j: ASCII alone is %s', (env, expected) => {
    expect(isAsciiOnly(env)).toBe(expected)
  })

  test('no colours with NO_COLOR or on a dumb terminal', () => {
    expect(isColourless({ TERM: 'xterm', NO_COLOR: '1' })).toBe(true)
    expect(isColourless({ TERM: 'dumb' })).toBe(true)
    expect(isColourless({ TERM: 'xterm', NO_COLOR: '' })).toBe(false)
  })
})
