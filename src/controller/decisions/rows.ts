/** The planned rows: those of the experiment, with the edits applied on top. Pure. */
import { rankOf, type EditEntry } from '../../history/edit-history.js'
import type { Hello, StepColumns } from '../../record/record.js'
import { layered, ordered, type Layer } from '../../schedule/edit-layers.js'
import { column } from '../../schedule/compile-schedule.js'
import { cutOf, decidedSegments } from '../state/feedback-decisions.js'
import type { RowSource } from '../state/plans.js'
import type { ControllerContext, ControllerState } from '../state/state.js'

/** The rows and events of the run with all edits; undefined before a worker has joined. */
export function rowsOf(state: Planned): RowSource | undefined {
  const { layers } = state
  const source = decidedSource(state)
  if (source === undefined || layers.length === 0) return source
  return {
    ...source,
    rows: (first, count) => withLayers(source.rows(first, count), layers, first, count),
    // A control that only an edit introduces has no value before it. A plan has values for all of its rows or none: it is cut there.
    cut: (first) =>
      Math.min(source.cut?.(first) ?? Infinity, ...layers.flatMap(({ from }) => (from > first ? from : []))),
  }
}

type Planned = Pick<ControllerState, 'source' | 'layers' | 'rules' | 'feedback'>

/** The experiment's rows, with the decided values of feedback schedules. */
function decidedSource({ source, rules, feedback }: Planned): RowSource | undefined {
  const segments = source?.segments
  if (source === undefined || segments === undefined || rules.length === 0) return source
  const decided = [...new Set(rules.map(({ control }) => control))].map(
    (control) => [control, decidedSegments(control, segments.get(control)!, feedback.decisions)] as const,
  )
  return {
    ...source,
    rows: (first, count) => ({
      ...source.rows(first, count),
      ...Object.fromEntries(decided.map(([control, own]) => [control, column(own, first, count)])),
    }),
    cut: (first) => Math.min(source.cut?.(first) ?? Infinity, cutOf(rules, first)),
  }
}

/** Sets the edits of a state, and compiles them to layers. Throws what `compileEdit` throws. */
export function withEdits(
  state: ControllerState,
  edits: readonly EditEntry[],
  hello: Pick<Hello, 'stepsPerEpoch' | 'initial'>,
  { compileEdit }: Pick<ControllerContext, 'compileEdit'>,
): ControllerState {
  const own = plannedControls({ ...state, layers: [] })
  const layers = edits.map(({ edited, effective }, i): Layer => {
    const { control, to, position, by } = edited
    const run = {
      stepsPerEpoch: hello.stepsPerEpoch,
      runSteps: state.source?.runSteps ?? 0,
      planned: [...new Set([...own, ...edits.slice(0, i).map((before) => before.edited.control)])],
      optimizer: Object.keys(hello.initial),
    }
    return { control, from: effective, rank: rankOf(by), to: compileEdit(control, to, position.step, run) }
  })
  return { ...state, edits, layers: ordered(layers) }
}

/** Names of the planned controls, including those that only an edit introduced. */
export function plannedControls({ source, layers }: Planned): readonly string[] {
  const own = source === undefined ? [] : Object.keys(source.rows(0, 1))
  return [...new Set([...own, ...layers.map(({ control }) => control)])]
}

function withLayers(base: StepColumns, layers: readonly Layer[], first: number, count: number): StepColumns {
  const columns: Record<string, Float64Array> = { ...base }
  for (const control of new Set(layers.map((layer) => layer.control))) {
    const own = layers.filter((layer) => layer.control === control)
    const values = layered(base[control], own, first, count)
    if (values !== undefined) columns[control] = values
  }
  return columns
}
