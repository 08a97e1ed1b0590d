/** The rows that are planned: the experiment's own, and the edits laid over them. Pure. */
import { rankOf, type EditEntry } from '../../history/edit-history.js'
import type { Hello, StepColumns } from '../../record/record.js'
import { layered, ordered, type Layer } from '../../schedule/edit-layers.js'
import { column } from '../../schedule/compile-schedule.js'
import { cutOf, decidedSegments } from '../state/feedback-rules.js'
import type { RowSource } from '../state/plans.js'
import type { ControllerContext, ControllerState } from '../state/state.js'

/** Rows and events of the run as it is now to be; undefined before a worker has joined. */
export function rowsOf(state: Planned): RowSource | undefined {
  const { layers } = state
  const source = decidedSource(state)
  if (source === undefined || layers.length === 0) return source
  return {
    ...source,
    rows: (first, count) => laidOver(source.rows(first, count), layers, first, count),
    // A control that only an edit brings in has no value before it: a plan has one for all of its rows or for none.
    cut: (first) =>
      Math.min(source.cut?.(first) ?? Infinity, ...layers.flatMap(({ from }) => (from > first ? from : []))),
  }
}

type Planned = Pick<ControllerState, 'source' | 'layers' | 'rules' | 'feedback'>

/** The experiment's rows, with what feedback has decided. */
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

/** The state with these edits, and the layers that they are. Errors as `compileEdit`. */
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

/** Names of the controls that plans hold, those that an edit brought in included. */
export function plannedControls({ source, layers }: Planned): readonly string[] {
  const own = source === undefined ? [] : Object.keys(source.rows(0, 1))
  return [...new Set([...own, ...layers.map(({ control }) => control)])]
}

function laidOver(base: StepColumns, layers: readonly Layer[], first: number, count: number): StepColumns {
  const columns: Record<string, Float64Array> = { ...base }
  for (const control of new Set(layers.map((layer) => layer.control))) {
    const own = layers.filter((layer) => layer.control === control)
    const values = layered(base[control], own, first, count)
    if (values !== undefined) columns[control] = values
  }
  return columns
}
