/** Compares pairs of runs of the same seed in one metric: does the second of them do better? */
import { AbsgdError } from '../errors.js'
import type { RunSummary } from '../history/summarize-run.js'
import { winnerOf, type ComparedMetric } from './arm-figures.js'
import { mean, standardDeviation } from './mean-and-interval.js'
import { verdictOf, type Verdict } from './verdict.js'

export interface PairComparison {
  readonly metric: string
  /** Whether larger or lower values are better. */
  readonly wins: ComparedMetric['wins']
  readonly arms: readonly [SideFigures, SideFigures]
  readonly seeds: number
  /** Null where the runs ignore their seed, so that nothing can be said about chance. */
  readonly verdict: Verdict | null
}

export interface SideFigures {
  readonly name: string
  readonly mean: number
  /** Sample standard deviation; null for one run. */
  readonly sd: number | null
}

export interface PairsToCompare {
  readonly names: readonly [string, string]
  /** Completed runs. */
  readonly pairs: readonly (readonly [RunSummary, RunSummary])[]
  readonly metric: string
  /** Whether larger or lower values are better. @default as the objective or the name of the metric says */
  readonly wins?: ComparedMetric['wins']
  /** The smallest difference that matters, above 0, in the unit of the metric. */
  readonly matters: number
}

/**
 * The values after the last step, paired by seed.
 *
 * @throws AbsgdError 'usage' for a metric that a run does not have
 */
export function comparePairs({ names, pairs, metric, matters, ...given }: PairsToCompare): PairComparison {
  const wins = given.wins ?? winnerOf(metric, pairs[0]?.[0].config.objective ?? null)
  const first = pairs.map(([run]) => valueOf(run, metric))
  const second = pairs.map(([, run]) => valueOf(run, metric))
  const sign = wins === 'larger' ? 1 : -1
  const gains = first.map((value, i) => sign * (second[i]! - value))
  return {
    metric,
    wins,
    arms: [sideOf(names[0], first), sideOf(names[1], second)],
    seeds: pairs.length,
    verdict: ignoreSeed(pairs.map(([run]) => run)) ? null : verdictOf(gains, matters),
  }
}

/** Whether runs of different seeds have the same figures to the last bit. */
function ignoreSeed(runs: readonly RunSummary[]): boolean {
  const texts = new Set(runs.map(({ final }) => JSON.stringify(final)))
  return runs.length > 1 && texts.size === 1
}

function valueOf(run: RunSummary, metric: string): number {
  const value = run.final[metric]
  if (value !== undefined) return value
  throw new AbsgdError('usage', `${run.run} has no metric "${metric}"`, {
    hint: `it has ${Object.keys(run.final).join(', ')}`,
  })
}

function sideOf(name: string, values: readonly number[]): SideFigures {
  return { name, mean: mean(values), sd: values.length < 2 ? null : standardDeviation(values) }
}
