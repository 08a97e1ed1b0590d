/** The rows that are planned: the experiment's own, and the edits laid over them. Pure. */
import { rankOf, type EditEntry } from '../record/edit-history.js'
import type { StepColumns } from '../record/record.js'
import { layered, ordered, type Layer } from '../schedule/layers.js'
import type { RowSource } from './planning.js'
import type { ControllerContext, ControllerState } from './state.js'

/** Rows and events of the run as it is now to be; undefined before a worker has joined. */
export function rowsOf({
  source,
  layers,
}: Pick<ControllerState, 'source' | 'layers'>): RowSource | undefined {
  if (source === undefined || layers.length === 0) return source
  return {
    ...source,
    rows: (first, count) => laidOver(source.rows(first, count), layers, first, count),
    // A control that only an edit brings in has no value before it: a plan has one for all of its rows or for none.
    cut: (first) =>
      Math.min(source.cut?.(first) ?? Infinity, ...layers.flatMap(({ from }) => (from > first ? from : []))),
  }
}

/** The state with these edits, and the layers that they are. Errors as `compileEdit`. */
export function withEdits(
  state: ControllerState,
  edits: readonly EditEntry[],
  context: ControllerContext,
): ControllerState {
  return { ...state, edits, layers: ordered(edits.map((entry) => layerOf(state, entry, context))) }
}

export function layerOf(state: ControllerState, entry: EditEntry, context: ControllerContext): Layer {
  const { edited, effective } = entry
  const { control, to, position, by } = edited
  const { source, lease } = state
  const run = {
    stepsPerEpoch: lease?.hello.stepsPerEpoch ?? 0,
    runSteps: source?.runSteps ?? 0,
    planned: plannedControls(state),
    optimizer: Object.keys(lease?.hello.initial ?? {}),
  }
  return {
    control,
    from: effective,
    rank: rankOf(by),
    to: context.compileEdit(control, to, position.step, run),
  }
}

/** Names of the controls that plans hold, those that an edit brought in included. */
export function plannedControls({
  source,
  layers,
}: Pick<ControllerState, 'source' | 'layers'>): readonly string[] {
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
