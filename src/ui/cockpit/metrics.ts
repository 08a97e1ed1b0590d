/** The metrics that the chart of metrics can show, and the one that it shows. */
import type { Series } from '../../history/series/bucketed-series.js'
import type { RunState } from './feed/run-state.js'

/** The metric of the objective, then metrics of evaluations, then metrics of steps; each group in the order of first appearance. */
export function metricNames({ manifest, series }: RunState): readonly string[] {
  const objective = manifest.config.objective?.metric
  const rank = (name: string) => (name === objective ? 0 : isOfSteps(name) ? 2 : 1)
  return [...series.metrics.keys()].toSorted((a, b) => rank(a) - rank(b))
}

export interface ShownMetric {
  readonly name: string
  /** Undefined before the first value of the objective. */
  readonly series: Series | undefined
}

/**
 * The metric to show: the chosen one if the run has it, else the metric of the objective, else the first accuracy, else the first
 * metric. Undefined if there are none.
 */
export function shownMetric(state: RunState, chosen: string | undefined): ShownMetric | undefined {
  const { metrics } = state.series
  const objective = state.manifest.config.objective?.metric
  const names = metricNames(state)
  const name =
    [chosen, objective].find((one) => one !== undefined && metrics.has(one)) ??
    names.find((one) => !isOfSteps(one) && /\baccuracy$/.test(one)) ??
    names.find((one) => !isOfSteps(one)) ??
    objective ??
    names[0]
  return name === undefined ? undefined : { name, series: metrics.get(name) }
}

/** The names that contain every word of the search. Upper and lower case are the same. */
export function matching(names: readonly string[], search: string): readonly string[] {
  const words = search.toLowerCase().split(' ').filter(Boolean)
  return names.filter((name) => words.every((word) => name.toLowerCase().includes(word)))
}

function isOfSteps(name: string): boolean {
  return name.startsWith('train.')
}
