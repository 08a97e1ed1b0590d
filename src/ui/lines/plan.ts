/** The plan of an experiment as text: its length, a chart of every control, and exact values at some points. */
import type { Preview, PreviewedControl } from '../../experiment/preview.js'
import { chartLines } from '../text/chart.js'
import { formatControl, formatCount, formatNumber } from '../text/format.js'
import { table, WIDTH, wrap } from '../text/layout.js'
import { entry } from './page.js'
import { sanitize } from '../text/sanitize.js'
import { paramsInWords } from '../text/wording.js'

/** The settings that the manifest of the run will have. */
export interface PlannedSettings {
  readonly experiment: string
  readonly arm?: string
  readonly params: Readonly<Record<string, unknown>>
  /** For people: "every epoch". */
  readonly evaluate: string
  readonly checkpoint: string
}

export interface PlanLinesOptions {
  /** @default 80 */
  readonly width?: number
  /** Whether to draw with ASCII characters only. @default false */
  readonly ascii?: boolean
}

export function planLines(
  settings: PlannedSettings,
  preview: Preview,
  options: PlanLinesOptions = {},
): string[] {
  const { experiment, arm, params } = settings
  const [constant, varying] = [true, false].map((of) =>
    preview.controls.filter((control) => control.constant === of),
  ) as [PreviewedControl[], PreviewedControl[]]
  return [
    ...wrap(
      sanitize(`${experiment}${arm === undefined ? '' : `, arm ${arm}`}: ${lengthInWords(preview)}`),
      options,
    ),
    ...(Object.keys(params).length === 0 ? [] : entry('params', paramsInWords(params))),
    ...entry('evaluate', eventsInWords(settings.evaluate, preview.evaluate, preview)),
    ...entry('checkpoint', eventsInWords(settings.checkpoint, preview.checkpoint, preview)),
    ...constant.flatMap(({ name, values, decided, schedule }) => {
      const value = formatControl(name, values[0] ?? NaN)
      return entry(name, decided ? `${schedule}: ${value} at first` : `${value} throughout`)
    }),
    ...varying.flatMap((control) => ['', ...chartOf(control, preview, options)]),
    ...(varying.length === 0 ? [] : ['', ...valueLines(varying, preview, options.width)]),
    ...preview.warnings.flatMap((text) => [
      '',
      ...wrap(sanitize(`warning: ${text}`), { ...options, hanging: '  ' }),
    ]),
  ]
}

function lengthInWords({ unit, length, stepsPerEpoch, shown }: Preview): string {
  const anEpoch = stepsPerEpoch === null ? '' : `, ${formatCount(stepsPerEpoch)} an epoch`
  if (length === null) return `until stopped${anEpoch}; shown are the first ${counted(shown, unit)}`
  const epochs = stepsPerEpoch === null ? '' : ` (${counted(length / stepsPerEpoch, 'epoch')}${anEpoch})`
  return `${counted(length, unit)}${epochs}`
}

function eventsInWords(words: string, events: readonly number[] | null, { unit, length }: Preview): string {
  if (events === null) return `${words}; --steps-per-epoch tells when that is`
  const [first] = events
  if (first === undefined) return `${words}; not among what is shown`
  const some =
    events.length <= LISTED
      ? events
      : [...events.slice(0, LISTED - 2), NaN, ...(length === null ? [] : events.slice(-1))]
  const list = some.map((point) => (Number.isNaN(point) ? '…' : formatPoint(point)))
  const times = events.length === 1 ? 'once' : `${formatCount(events.length)} times`
  return `${words}: ${times}, after ${list.join(', ')} ${unit}s`
}

/** The schedule as text, then its curve. The curve has a gap with the word "off" where lambda is off. */
function chartOf(
  control: PreviewedControl,
  preview: Preview,
  { width = WIDTH, ascii = false }: PlanLinesOptions,
) {
  const { name, schedule, curve, logarithmic } = control
  const { unit, shown } = preview
  // A logarithmic axis has no negative values: absolute values are drawn, and labelled with their sign.
  const sign = logarithmic && curve.y.some((value) => value < 0) ? -1 : 1
  const scale = logarithmic ? ` (on a logarithmic scale${sign < 0 ? ', largest on top' : ''})` : ''
  const lines = chartLines([{ x: curve.x, y: curve.y.map((value) => sign * value) }], {
    width,
    height: CHART_HEIGHT,
    log: logarithmic,
    ascii,
    x: { min: 0, max: shown },
    xLabel: (x) => (x === 0 ? '0' : `${unit} ${formatPoint(x)}`),
    yLabel: (y) => formatNumber(sign * y),
    labelWidth: LABEL_WIDTH,
  })
  return [
    ...wrap(sanitize(`${name}: ${schedule}${scale}`), { width, hanging: '  ' }),
    ...withGaps(lines, control, shown),
  ]
}

/** Writes "off" into every gap that is wide enough. */
function withGaps(lines: readonly string[], { name, curve }: PreviewedControl, shown: number): string[] {
  const left = (lines[0] ?? '').search(/[│┤|+]/) + 1
  const columns = (lines[0] ?? '').length - left
  const middle = Math.floor((lines.length - 1) / 2)
  let row = lines[middle] ?? ''
  for (const { from, to, value } of gapsOf(curve)) {
    const word = formatControl(name, value)
    const [first, last] = [from, to].map((x) => left + Math.round((x / shown) * (columns - 1))) as [
      number,
      number,
    ]
    if (left === 0 || last - first < word.length + 2) continue
    const start = first + Math.floor((last - first - word.length) / 2)
    row = row.slice(0, start) + word + row.slice(start + word.length)
  }
  return lines.with(middle, row).map((line) => line.trimEnd())
}

function gapsOf({ x, y }: PreviewedControl['curve']) {
  const gaps: { from: number; to: number; value: number }[] = []
  let open = false
  for (const [i, value] of y.entries()) {
    const isGap = !Number.isFinite(value)
    const last = gaps.at(-1)
    if (isGap && open && last !== undefined) last.to = x[i]!
    else if (isGap) gaps.push({ from: x[i]!, to: x[i]!, value })
    open = isGap
  }
  return gaps
}

function valueLines(controls: readonly PreviewedControl[], preview: Preview, width = WIDTH): string[] {
  const { unit, stepsPerEpoch, at } = preview
  const titles = [
    unit,
    ...(stepsPerEpoch === null ? [] : ['epoch']),
    ...controls.map(({ name }) => sanitize(name)),
  ]
  const rows = at.map((point, i) => [
    formatPoint(point),
    ...(stepsPerEpoch === null ? [] : [formatPoint(point / stepsPerEpoch)]),
    ...controls.map(({ name, values }) => formatExact(name, values[i]!)),
  ])
  return table(
    titles.map((title) => ({ title, align: 'right' })),
    rows,
    width,
  )
}

/** Six significant digits. */
function formatExact(name: string, value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : formatControl(name, value)
}

/** A whole number in groups of three, else two decimals. */
function formatPoint(point: number): string {
  return Number.isInteger(point) ? formatCount(point) : String(Number(point.toFixed(2)))
}

function counted(count: number, unit: string): string {
  return `${formatPoint(count)} ${unit}${count === 1 ? '' : 's'}`
}

/** Rows, including the x axis. An odd number of rows is left for the curve, so that a constant is in the middle. */
const CHART_HEIGHT = 8
/** Wide enough for usual values, so that charts above each other line up. */
const LABEL_WIDTH = 7
const LISTED = 6
