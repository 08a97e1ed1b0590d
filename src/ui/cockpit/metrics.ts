/** The metrics of a run that a chart can show, and which one it does. */
import type { Series } from '../../history/series/bounded-series.js'
import type { RunState } from './feed/run-state.js'

/** The objective first, then those of evaluations, then those of steps; each in the order in which they came. */
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
 * The metric that was chosen; where this run does not have it, that of the objective; else the first that is an accuracy, else the
 * first. Undefined where there is none.
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

/** The names that contain every word of a search, whatever their case. */
export function matching(names: readonly string[], search: string): readonly string[] {
  const words = search.toLowerCase().split(' ').filter(Boolean)
  return names.filter((name) => words.every((word) => name.toLowerCase().includes(word)))
}

function isOfSteps(name: string): boolean {
  return name.startsWith('train.')
}
